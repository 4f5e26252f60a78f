// Small layers: every strategy, type and tile, every length and output padding, in the emulator: each output bit for
// bit.
#include <gtest/gtest.h>

#include <array>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/kernels/sweep_design.h"
#include "tests/oracle/comparison.h"

namespace unstride::testing {
namespace {

constexpr int shards = 6;  // tests that run side by side

struct SweepCase {
  const char* strategy;
  int shard;

  friend std::ostream& operator<<(std::ostream& out, const SweepCase& c) {
    return out << c.strategy << " part " << c.shard;
  }
};

bool depthwise(const LayerSpec& spec) {
  return spec.in_channels == spec.groups;
}

class EmulatedSmallLayers : public ::testing::TestWithParam<SweepCase> {
 protected:
  template <typename T>
  void check(const LayerSpec& spec, std::uint64_t seed) {
    const EmulatedKernel kernel(spec, "cuda:sm_90a", GetParam().strategy);
    const std::array schedules = {emulator::Schedule::forward(), emulator::Schedule::reverse(),
                                  emulator::Schedule::shuffled(seed)};
    std::uint64_t turn = seed;
    for (std::int64_t length = 1; length <= longest_sweep_input; ++length)
      for (std::int64_t padding = 0; padding < std::max(spec.stride, spec.dilation); ++padding, ++turn) {
        const LayerData<T> data(spec, static_cast<std::int64_t>(turn % (largest_sweep_batch + 1)), length, seed);
        const std::int64_t output = data.oracle().output_length(padding);
        if (output < 1) continue;
        const EmulatedRun how = {.schedule = schedules[turn % 3],
                                 .touching = turn % 2 == 0 ? Touching::front : Touching::back,
                                 .input_gap = static_cast<std::int64_t>(turn / 2 % 4),
                                 .output_gap = static_cast<std::int64_t>(turn / 3 % 5),
                                 .output_padding = padding,
                                 .tile = static_cast<int>(turn / 2 % static_cast<std::uint64_t>(kernel.tiles()))};
        const std::vector<T> y = kernel.run(data, how);
        ASSERT_EQ(std::ssize(y), data.batch * spec.out_channels * output);
        ASSERT_TRUE(equals_strict_chain(data, y)) << kernel.describe(data, how);
        ++runs_;
      }
  }

  std::int64_t runs_ = 0;
};

TEST_P(EmulatedSmallLayers, EqualTheStrictChainBitForBit) {
  constexpr std::array dtypes = {DType::float32, DType::float64, DType::float16, DType::bfloat16};
  const std::string strategy = GetParam().strategy;
  std::uint64_t seed = 0;
  for (const SweepPoint& point : sweep_points()) {
    ++seed;
    const LayerSpec spec = sweep_layer(point, dtypes[seed / shards % dtypes.size()]);
    if (static_cast<int>(seed % shards) != GetParam().shard || (strategy == "depthwise" && !depthwise(spec))) continue;
    SCOPED_TRACE(to_json(spec));
    with_element(spec.dtype, [&](auto element) { check<decltype(element)>(spec, seed); });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(runs_, 100);
}

std::vector<SweepCase> sweep_cases() {
  std::vector<SweepCase> cases;
  for (const char* strategy : {"ffma", "depthwise"})
    for (int shard = 0; shard < shards; ++shard) cases.push_back({strategy, shard});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Sweep, EmulatedSmallLayers, ::testing::ValuesIn(sweep_cases()), [](const auto& c) {
  return std::string(c.param.strategy) + "_" + std::to_string(c.param.shard);
});

}  // namespace
}  // namespace unstride::testing
