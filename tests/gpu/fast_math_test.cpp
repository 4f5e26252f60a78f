// Fast math on the GPU: within its bounds, and the same from run to run.
#include <algorithm>
#include <cmath>

#include "tests/gpu/gpu_testing.h"
#include "tests/oracle/fast_math_bound.h"

namespace unstride::testing {
namespace {

using GpuFast = OnGpu;

template <typename T>
void expect_within_bounds(LayerSpec spec, std::int64_t batch, std::int64_t length, const std::string& plan = {}) {
  spec.dtype = dtype_of<T>;
  spec.math = Math::fast;
  const LayerData<T> data(spec, batch, length);
  const Kernel kernel = engine().compile(spec, {.target = "cuda", .plan = plan});
  const GpuCall<T> call(kernel, data);
  const std::vector<T> y = call();
  call.clear();
  EXPECT_TRUE(same_bits(call(), y)) << "another run gives other bits: " << describe(kernel, data);

  LayerData<double> wide(spec, batch, length);
  LayerData<double> sizes = wide;
  const auto widen = [](const std::vector<T>& from, std::vector<double>& to, bool absolute) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      to[k] = static_cast<double>(value_of(from[k]));
      if (absolute) to[k] = std::abs(to[k]);
    }
  };
  for (const bool absolute : {false, true}) {
    LayerData<double>& into = absolute ? sizes : wide;
    widen(data.x, into.x, absolute);
    widen(data.w, into.w, absolute);
    widen(data.b, into.b, absolute);
  }
  const std::int64_t row = kernel.output_length(length);
  // Each output takes the oracle input channels times kernel elements, a million for an inverse STFT.
  const std::int64_t points = std::clamp<std::int64_t>(50'000'000 / (spec.in_channels * spec.kernel_size), 50, 2000);
  tools::SplitMix64 random(7);
  for (std::int64_t k = 0; k < points; ++k) {
    const std::int64_t n = random.below(batch), channel = random.below(spec.out_channels), o = random.below(row);
    const double got =
        static_cast<double>(value_of(y[static_cast<std::size_t>((n * spec.out_channels + channel) * row + o)]));
    const double expected = wide.oracle().output(n, channel, o), size = sizes.oracle().output(n, channel, o);
    ASSERT_LE(std::abs(got - expected), fast_math_bound(spec, expected, size) + 1e-30)
        << "y[" << n << "," << channel << "," << o << "]: " << describe(kernel, data);
  }
}

TEST_F(GpuFast, SmallCallsShareTheirSumsWithinTheDocumentedBounds) {
  for (LayerSpec spec : {layer(512, 256, 16, 8), layer(1026, 1, 1024, 256)}) {
    spec.math = Math::fast;
    EXPECT_GT(engine().compile(spec, {.target = "cuda"}).workspace_bytes(1, 4), 0) << to_json(spec);
    for (const std::int64_t length : {1, 4, 12, 100}) {
      expect_within_bounds<float>(spec, 1, length);
      expect_within_bounds<Float16>(spec, 2, length);
      expect_within_bounds<BFloat16>(spec, 1, length);
      if (HasFatalFailure()) return;
    }
  }
}

// Counters are left as they were found, at the same place for all kernels.
TEST_F(GpuFast, OneWorkspaceServesOneCallAfterTheOther) {
  LayerSpec spec = layer(512, 256, 16, 8), other = layer(1026, 1, 1024, 256);
  spec.math = other.math = Math::fast;
  const LayerData<float> data(spec, 1, 8), more(other, 1, 100);
  const Kernel kernel = engine().compile(spec, {.target = "cuda"}), next = engine().compile(other, {.target = "cuda"});
  const GpuCall<float> alone(kernel, data), also_alone(next, more);
  const std::vector<float> y = alone(), z = also_alone();
  const DeviceArray shared(engine(), std::max(kernel.workspace_bytes(1, 8), next.workspace_bytes(1, 100)));
  shared.clear();
  const RunOptions options{.workspace = {shared.data(), shared.bytes()}};
  const GpuCall<float> one(kernel, data, options), two(next, more, options);
  for (int k = 0; k < 10; ++k) {
    EXPECT_TRUE(same_bits(one(), y)) << k;
    EXPECT_TRUE(same_bits(two(), z)) << k;
  }
}

TEST_F(GpuFast, ResultsAreWithinTheDocumentedBoundsAndTheSameEveryTime) {
  std::vector<LayerSpec> layers = {layer(96, 48, 16, 8), layer(256, 128, 4, 2), layer(64, 32, 7, 3),
                                   layer(130, 1, 64, 16)};
  layers[0].padding = 4;
  for (const LayerSpec& spec : layers)
    for (const std::int64_t length : {1, 33, 700}) {
      expect_within_bounds<float>(spec, 2, length);
      expect_within_bounds<Float16>(spec, 2, length);
      expect_within_bounds<BFloat16>(spec, 2, length);
      if (HasFatalFailure()) return;
    }
}

// Of a layer's default plan, without those whose blocks share sums: small calls of other tests take them.
template <typename T>
void expect_every_tile_within_bounds(LayerSpec spec, std::int64_t batch) {
  spec.dtype = dtype_of<T>;
  spec.math = Math::fast;
  for (const std::string& tile : tiles_of(engine().explain(spec, {.target = "cuda"}).plan))
    if (tile.find("splits=1 ") != tile.npos) expect_within_bounds<T>(spec, batch, 130, tile);
}

// Also the tiles for calls that are larger than tests would compute.
TEST_F(GpuFast, EveryTileOfAPlanIsWithinTheDocumentedBounds) {
  for (const LayerSpec& spec : {layer(512, 256, 16, 8), layer(768, 384, 10, 5), layer(1026, 1, 1024, 256)}) {
    expect_every_tile_within_bounds<float>(spec, 2);
    expect_every_tile_within_bounds<BFloat16>(spec, 1);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace unstride::testing
