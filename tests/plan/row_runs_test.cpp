// The tiles of a plan cover the rows of the layer's matrix product, each once.
#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "codegen/plan/cpu_planner.h"
#include "plan_testing.h"

namespace unstride::plan {
namespace {

using Row = std::pair<std::int64_t, std::int64_t>;  // output channel and first tap

std::map<Row, int> covered_rows(const CpuProblem& problem, const std::vector<RowRun>& runs) {
  std::map<Row, int> covered;
  for (const RowRun& run : runs)
    for (std::int64_t block = 0; block < run.blocks; ++block)
      for (std::int64_t tile = 0; tile < run.channel_tiles; ++tile)
        for (std::int64_t channel = 0; channel < run.channels; ++channel)
          for (std::int64_t phase = 0; phase < run.phases; ++phase)
            if (tile * run.channels + channel < problem.out_channels())
              ++covered[{tile * run.channels + channel, run.first_tap + block * run.phases + phase}];
  return covered;
}

TEST(RowRuns, CoverEveryChannelOfEveryPhaseOnce) {
  for (const CpuTarget& target : {avx2(), avx512()})
    for_each_small_layer([&](const LayerSpec& spec) {
      const CpuProblem problem(spec, target);
      for (const CpuStrategy* strategy : cpu_strategies())
        for (const CpuPlan& plan : strategy->enumerate(problem)) {
          const std::map<Row, int> covered = covered_rows(problem, strategy->runs(problem, plan));
          ASSERT_EQ(std::ssize(covered), spec.out_channels * problem.polyphase.phases()) << to_string(plan);
          for (const auto& [row, times] : covered) {
            ASSERT_EQ(times, 1) << "channel " << row.first << ", first tap " << row.second << ": " << to_string(plan);
            ASSERT_LT(row.second, problem.polyphase.phases()) << to_string(plan);
          }
        }
    });
}

TEST(RowRuns, HaveRoomForTheirRowsAndTaps) {
  for_each_small_layer([&](const LayerSpec& spec) {
    const CpuProblem problem(spec, avx512());
    for (const CpuStrategy* strategy : cpu_strategies())
      for (const CpuPlan& plan : strategy->enumerate(problem))
        for (const RowRun& run : strategy->runs(problem, plan)) {
          EXPECT_GE(run.rows, run.channels * run.phases);
          for (std::int64_t tap = run.first_tap; tap < run.first_tap + run.blocks * run.phases; ++tap)
            EXPECT_GE(run.taps, problem.polyphase.taps(tap));
        }
  });
}

// A tap that a phase doesn't have must not be computed: a padded weight would carry an infinite input into outputs that
// never read it. Lanes of one vector take the same taps, so their phases must have the same.
TEST(RowRuns, OfRowLanesHoldPhasesWithEquallyManyTapsOfOneWindow) {
  for_each_small_layer([&](const LayerSpec& spec) {
    const CpuProblem problem(spec, avx512());
    for (const CpuPlan& plan : row_lanes.enumerate(problem))
      for (const RowRun& run : row_lanes.runs(problem, plan))
        for (std::int64_t block = 0; block < run.blocks; ++block) {
          const std::int64_t first = run.first_tap + block * run.phases;
          for (std::int64_t tap = first; tap < first + run.phases; ++tap) {
            EXPECT_EQ(problem.polyphase.taps(tap), run.taps);
            EXPECT_EQ(problem.polyphase.delay(tap), problem.polyphase.delay(first));
            EXPECT_EQ(problem.polyphase.phase(tap), problem.polyphase.phase(first) + tap - first);
          }
        }
  });
}

}  // namespace
}  // namespace unstride::plan
