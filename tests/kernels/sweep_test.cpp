// All small layers, for every strategy, instruction set and type: each output bit for bit.
#include <gtest/gtest.h>

#include <set>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/sweep_design.h"

namespace unstride::testing {
namespace {

TEST(SweepDesign, EveryTwoValuesOfAnyTwoParametersMeet) {
  std::set<std::array<int, 4>> met;
  for (const SweepPoint& point : sweep_points())
    for (int a = 0; a < std::ssize(point); ++a)
      for (int b = 0; b < a; ++b) met.insert({a, point[a], b, point[b]});
  std::size_t pairs = 0;
  for (std::size_t a = 0; a < value_counts.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) pairs += static_cast<std::size_t>(value_counts[a] * value_counts[b]);
  EXPECT_EQ(met.size(), pairs);
}

struct SweepCase {
  const char* strategy;
  const char* target;
  DType dtype;

  friend std::ostream& operator<<(std::ostream& out, const SweepCase& c) {
    return out << c.strategy << " " << c.target << " " << name(c.dtype);
  }
};

class SmallLayers : public ::testing::TestWithParam<SweepCase> {
 protected:
  /// Every length, output padding and (in turn) batch size of one layer, with one kernel.
  template <typename T>
  void check(const LayerSpec& spec, std::uint64_t seed) {
    const Kernel kernel = engine().compile(spec, {.target = GetParam().target, .plan = GetParam().strategy});
    const LayerData<T> parameters(spec, 0, 1, seed);
    const PackedWeights weights = kernel.pack(parameters.w, parameters.b);
    std::int64_t batch = static_cast<std::int64_t>(seed);
    for (std::int64_t length = 1; length <= longest_sweep_input; ++length)
      for (std::int64_t padding = 0; padding < std::max(spec.stride, spec.dilation); ++padding) {
        LayerData<T> data(spec, ++batch % (largest_sweep_batch + 1), length, seed);
        data.w = parameters.w;
        data.b = parameters.b;
        const std::int64_t output = data.oracle().output_length(padding);
        if (output < 1) {
          EXPECT_THROW(kernel.run(data.x, weights, data.x, {.batch = 1, .length = length, .output_size = output}),
                       Error);
          continue;
        }
        const Touching touching = batch % 2 == 0 ? Touching::front : Touching::back;
        const std::vector<T> y = run(kernel, weights, data, {.output_size = output}, touching);
        ASSERT_EQ(std::ssize(y), data.batch * spec.out_channels * output);
        ASSERT_TRUE(equals_strict_chain(data, y)) << describe(kernel, data) << ", output_padding " << padding;
        ++runs_;
      }
  }

  std::int64_t runs_ = 0;
};

TEST_P(SmallLayers, EqualTheStrictChainBitForBit) {
  UNSTRIDE_SKIP_UNLESS_RUNNABLE(GetParam().target);
  // Types differ in how elements are loaded and stored, not in where they lie: float32 makes both visits of the sweep,
  // each other type one of them.
  const std::vector<SweepPoint> points = sweep_points();
  const std::size_t visit = points.size() / 2;
  const bool both = GetParam().dtype == DType::float32;
  const std::size_t first = GetParam().dtype == DType::bfloat16 ? visit : 0;
  for (std::size_t i = first; i < (both ? points.size() : first + visit); ++i) {
    const LayerSpec spec = sweep_layer(points[i], GetParam().dtype);
    with_element(spec.dtype, [&](auto element) { check<decltype(element)>(spec, i + 1); });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(runs_, both ? 6000 : 3000);
}

std::vector<SweepCase> sweep_cases() {
  std::vector<SweepCase> cases;
  for (const char* strategy : {"row_lanes", "column_lanes"})
    for (const std::string& target : instruction_sets)
      for (const DType dtype : {DType::float32, DType::float64, DType::float16, DType::bfloat16})
        cases.push_back({strategy, target.c_str(), dtype});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Sweep, SmallLayers, ::testing::ValuesIn(sweep_cases()), [](const auto& c) {
  const std::string target = c.param.target;
  return std::string(c.param.strategy) + "_v" + target.back() + "_" + std::string(name(c.param.dtype));
});

}  // namespace
}  // namespace unstride::testing
