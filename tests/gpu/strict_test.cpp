// Strict math on the GPU: the bits of the strict chain, and those of the CPU's kernels where this build has them.
#include "tests/gpu/gpu_testing.h"
#include "tests/kernels/sweep_design.h"

namespace unstride::testing {
namespace {

using GpuStrict = OnGpu;
using GpuSweep = OnGpuInParts;

TEST_P(GpuSweep, SmallLayersOfEveryShapeEqualTheStrictChainBitForBit) {
  std::int64_t visited = 0;
  const auto points = sweep_points();
  for (std::size_t k = 0; k < points.size(); ++k) {
    if (!mine(k)) continue;
    const DType dtype = std::array{DType::float32, DType::float64, DType::float16, DType::bfloat16}[k % 4];
    const LayerSpec spec = sweep_layer(points[k], dtype);
    const auto batch = static_cast<std::int64_t>(k % largest_sweep_batch) + 1;
    with_element(dtype, [&](auto element) {
      using T = decltype(element);
      const Kernel kernel = engine().compile(spec, {.target = "cuda"});
      for (const std::int64_t length : {std::int64_t{1}, static_cast<std::int64_t>(2 + k % 7), longest_sweep_input}) {
        const LayerData<T> data(spec, batch, length, k + 1);
        if (data.oracle().output_length() < 1) continue;
        ++visited;
        ASSERT_TRUE(equals_strict_chain(data, GpuCall<T>(kernel, data)())) << describe(kernel, data);
      }
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(visited, 30);
}
INSTANTIATE_TEST_SUITE_P(Part, GpuSweep, ::testing::Range<std::size_t>(0, GpuSweep::parts));

std::vector<LayerSpec> larger_layers() {
  std::vector<LayerSpec> layers = {layer(96, 48, 16, 8), layer(64, 32, 4, 2), layer(40, 24, 7, 3), layer(20, 1, 64, 16),
                                   layer(48, 48, 3, 2),
                                   // Of input channels that no block of them divides: two, three and four taps.
                                   layer(53, 64, 4, 2), layer(37, 3, 30, 10), layer(514, 1, 40, 10)};
  layers[0].padding = 4;
  layers[0].prologue = {Activation::Op::leaky_relu, 0.1};
  layers[1].padding = 1;
  layers[2].dilation = 2;
  layers[2].groups = 4;
  layers[2].epilogue = {Activation::Op::relu};
  layers[3].bias = false;
  layers[3].trim = {8, 8};
  layers[4].groups = 48;
  layers[4].output_padding = 1;
  return layers;
}

template <typename T>
void expect_strict_bits(LayerSpec spec) {
  spec.dtype = dtype_of<T>;
  const Kernel kernel = engine().compile(spec, {.target = "cuda"});
  // Around the edges of tiles, and far beyond one wave of blocks.
  for (const std::int64_t length : {1, 31, 32, 33, 127, 128, 129, 1000, 70'001}) {
    const LayerData<T> data(spec, length > 2000 ? 1 : 2, length);
    ASSERT_TRUE(equals_strict_chain_at(data, GpuCall<T>(kernel, data)(), 2000, static_cast<std::uint64_t>(length)))
        << describe(kernel, data);
  }
}

TEST_F(GpuStrict, LengthsOnBothSidesOfEveryTileEqualTheStrictChain) {
  for (const LayerSpec& spec : larger_layers()) {
    expect_strict_bits<float>(spec);
    expect_strict_bits<double>(spec);
    expect_strict_bits<Float16>(spec);
    expect_strict_bits<BFloat16>(spec);
    if (HasFatalFailure()) return;
  }
}

TEST_F(GpuStrict, EveryVariantOfAPlanGivesTheSameBits) {
  for (const LayerSpec& spec : larger_layers()) {
    const LayerData<float> data(spec, 2, 300);
    const Kernel all = engine().compile(spec, {.target = "cuda"});
    const std::vector<float> expected = GpuCall<float>(all, data)();
    for (const std::string& tile : tiles_of(all.info().plan)) {
      const Kernel one = engine().compile(spec, {.target = "cuda", .plan = tile});
      EXPECT_TRUE(same_bits(GpuCall<float>(one, data)(), expected)) << describe(one, data);
    }
  }
}

TEST_F(GpuStrict, SubnormalsInfinitiesAndNansAreThoseOfTheStrictChain) {
  LayerData<float> data(larger_layers()[0], 1, 200);
  for (std::size_t k = 0; k < data.x.size(); k += 3) data.x[k] *= 1e-38F;
  for (std::size_t k = 1; k < data.w.size(); k += 5) data.w[k] *= 1e-6F;
  data.x[1000] = std::numeric_limits<float>::infinity();
  data.x[2000] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(equals_strict_chain_at(data, GpuCall<float>(data)(), 20'000, 1));
}

TEST_F(GpuStrict, TheCpusKernelsGiveTheSameBits) {
  if (const std::string why = why_not_runnable("cpu"); !why.empty())
    GTEST_SKIP() << "NOT TESTED: no CPU kernels: " << why;
  for (const LayerSpec& spec : larger_layers()) {
    const LayerData<float> data(spec, 2, 3000);
    const Kernel on_cpu = engine().compile(spec);
    EXPECT_TRUE(same_bits(GpuCall<float>(data)(), run(on_cpu, data))) << to_json(spec);
  }
}

}  // namespace
}  // namespace unstride::testing
