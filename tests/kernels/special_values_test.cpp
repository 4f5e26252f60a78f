// Infinities, NaN, subnormals and signed zeros: what the numerics contract says of them.
#include <gtest/gtest.h>
#include <immintrin.h>

#include <cmath>
#include <limits>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

// kernel_size mod stride != 0, phases without taps, dilation that gives every phase a window of its own.
std::vector<LayerSpec> layers() {
  std::vector<LayerSpec> layers = {layer(3, 5, 7, 3), layer(2, 18, 5, 4), layer(4, 2, 3, 5), layer(3, 4, 5, 4)};
  layers[3].dilation = 3;
  for (LayerSpec& spec : layers) spec.bias = false;
  return layers;
}

template <typename F>
void for_each_kernel(const F& f) {
  for (const LayerSpec& spec : layers())
    for (const std::string& target : runnable_instruction_sets())
      for (const char* strategy : {"row_lanes", "column_lanes"})
        f(engine().compile(spec, {.target = target, .plan = strategy}));
}

// Whether output o has a tap that reads input i of its channels.
bool reads(const LayerSpec& s, std::int64_t o, std::int64_t i) {
  for (std::int64_t j = 0; j < s.kernel_size; ++j)
    if (o + s.padding == i * s.stride + j * s.dilation) return true;
  return false;
}

TEST(SpecialValues, OneBadInputReachesTheOutputsThatReadItAndNoOthers) {
  for_each_kernel([](const Kernel& kernel) {
    for (const float bad : {infinity, -infinity, nan})
      for (const std::int64_t at : {0, 1, 20, 38, 39}) {
        LayerData<float> data(kernel.spec(), 1, 40);
        data.x[static_cast<std::size_t>(40 + at)] = bad;  // in channel 1
        const std::vector<float> y = run(kernel, data);
        EXPECT_TRUE(equals_strict_chain(data, y)) << bad << " at " << at << ": " << describe(kernel, data);
        const std::int64_t row = kernel.output_length(40);
        for (std::size_t e = 0; e < y.size(); ++e)
          ASSERT_EQ(std::isfinite(y[e]), !reads(kernel.spec(), static_cast<std::int64_t>(e) % row, at))
              << bad << " at " << at << " and output " << e << ": " << describe(kernel, data);
      }
  });
}

TEST(SpecialValues, AnInfiniteWeightReachesTheBordersWhereInputsCountAsZero) {
  for_each_kernel([](const Kernel& kernel) {
    for (const float bad : {infinity, nan}) {
      LayerData<float> data(kernel.spec(), 1, 20);
      data.w[1] = bad;
      const PackedWeights weights = kernel.pack(data.w, data.b);
      EXPECT_EQ(weights.non_finite_count(), 1);
      EXPECT_TRUE(equals_strict_chain(data, run(kernel, weights, data))) << describe(kernel, data);
    }
  });
}

TEST(SpecialValues, PackingCountsNonFiniteWeightsAndBiases) {
  LayerSpec spec = layer(3, 4, 5, 2);
  LayerData<float> data(spec, 0, 1);
  const Kernel kernel = engine().compile(spec);
  EXPECT_EQ(kernel.pack(data.w, data.b).non_finite_count(), 0);
  data.w[3] = infinity;
  data.w[17] = nan;
  data.b[2] = -infinity;
  EXPECT_EQ(kernel.pack(data.w, data.b).non_finite_count(), 3);
}

TEST(SpecialValues, VeryLargeAndVerySmallNumbersFollowTheChain) {
  constexpr std::array<float, 6> extremes = {3e38f, -3e38f, 1e-38f, 1e-42f, -1e-45f, 1.0f};
  for_each_kernel([&](const Kernel& kernel) {
    LayerData<float> data(kernel.spec(), 1, 40);
    tools::SplitMix64 random(1);
    for (std::vector<float>* values : {&data.x, &data.w})
      for (float& value : *values) value = extremes[static_cast<std::size_t>(random.below(extremes.size()))];
    EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
  });
}

TEST(SpecialValues, ZerosKeepTheirSigns) {
  for_each_kernel([](const Kernel& kernel) {
    LayerData<float> data(kernel.spec(), 1, 40);
    tools::SplitMix64 random(1);
    for (float& value : data.x) value = random.below(2) == 0 ? -0.0f : 0.0f;
    const std::vector<float> y = run(kernel, data);
    EXPECT_TRUE(equals_strict_chain(data, y)) << describe(kernel, data);
  });
  // Without taps an output is its bias, sign and all.
  const LayerSpec spec = layer(1, 1, 1, 3);
  LayerData<float> data(spec, 1, 5);
  data.b[0] = -0.0f;
  EXPECT_TRUE(std::signbit(run(engine().compile(spec), data)[1]));
}

class FloatingPointMode {
 public:
  explicit FloatingPointMode(unsigned mode) : saved_(_mm_getcsr()) { _mm_setcsr(mode); }
  ~FloatingPointMode() { _mm_setcsr(saved_); }
  FloatingPointMode(const FloatingPointMode&) = delete;
  FloatingPointMode& operator=(const FloatingPointMode&) = delete;

 private:
  unsigned saved_;
};

constexpr unsigned flush_to_zero = 0x8000, subnormals_are_zero = 0x0040, round_down = 0x2000, masked = 0x1f80;

TEST(SpecialValues, SubnormalsAndRoundingDoNotDependOnTheCallersMode) {
  for (const LayerSpec& spec : {layer(3, 5, 7, 3), layer(64, 64, 16, 8)}) {  // one thread and several
    LayerData<float> data(spec, 1, 100);
    for (float& value : data.x) value *= 1e-38f;
    data.b.assign(data.b.size(), 0.0f);
    const Kernel kernel = engine().compile(spec);
    const PackedWeights weights = kernel.pack(data.w, data.b);
    const std::vector<float> expected = run(kernel, weights, data);
    EXPECT_TRUE(equals_strict_chain_at(data, expected, 1000, 1));
    EXPECT_TRUE(std::ranges::any_of(expected, [](float v) { return std::fpclassify(v) == FP_SUBNORMAL; }));

    for (const unsigned mode : {flush_to_zero | subnormals_are_zero, round_down}) {
      std::vector<float> y(expected.size());
      unsigned after = 0;
      {
        const FloatingPointMode callers(masked | mode);
        kernel.run(data.x, weights, y, {.batch = 1, .length = 100});
        after = _mm_getcsr() & ~0x3fu;  // without the flags of what happened
      }
      EXPECT_EQ(after, masked | mode) << "the caller's mode is back";
      EXPECT_TRUE(same_bits(y, expected)) << "mode " << mode;
    }
  }
}

TEST(SpecialValues, ActivationsKeepNaN) {
  for (const Activation::Op op : {Activation::Op::relu, Activation::Op::leaky_relu}) {
    LayerSpec spec = layer(3, 5, 7, 3);
    spec.prologue.op = spec.epilogue.op = op;
    LayerData<float> data(spec, 1, 40);
    data.x[50] = nan;
    data.x[51] = -infinity;
    const Kernel kernel = engine().compile(spec);
    EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
  }
}

TEST(SpecialValues, LeakySlopesAreRoundedToTheTypeFirst) {
  for (const double slope : {0.1, 0.2, 1.0 / 3, 1e-3, 0.0, 2.5}) {
    LayerSpec spec = layer(2, 3, 4, 2);
    spec.prologue = spec.epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = slope};
    const LayerData<float> data(spec, 1, 50);
    EXPECT_TRUE(equals_strict_chain(data, run(engine().compile(spec), data))) << slope;
  }
}

}  // namespace
}  // namespace unstride::testing
