// Schedules of random calls: the work items cover every column and every row tile, and keep to the plan's panels.
#include "runtime/cpu/schedule.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <string_view>
#include <vector>

#include "codegen/plan/cpu_planner.h"
#include "tests/oracle/layer_data.h"

namespace unstride::cpu {
namespace {

plan::CpuTarget some_target() {
  plan::CpuTarget target;
  target.vector_bytes = 64;
  target.vector_registers = 32;
  target.embedded_broadcast = true;
  return target;
}

struct Scheduled {
  Scheduled(const LayerSpec& layer, std::string_view wanted, std::int64_t columns, std::int64_t batch_size,
            int of_threads)
      : spec(layer), batch(batch_size), threads(of_threads) {
    arguments.columns = columns;
    const plan::CpuProblem problem(spec, some_target());
    plan = plan::choose_plan(problem, wanted).plan.general();
    const plan::CpuGeometry geometry(problem, plan);
    tile_columns = geometry.tile_columns;
    for (const plan::RowRun& run : geometry.weights.runs)
      row_tiles.insert(row_tiles.end(), static_cast<std::size_t>(run.tiles()), run.work());
    has_bias_only_phases = problem.polyphase.has_bias_only_phases();
    const plan::CallCost cost = plan::call_cost(problem, plan, plan::Variant::any);
    schedule = cpu::schedule(problem, plan, geometry, cost, batch, threads, arguments);
  }

  LayerSpec spec;
  std::int64_t batch;
  int threads;
  plan::CpuPlan plan;
  std::int64_t tile_columns;
  std::vector<std::int64_t> row_tiles;  // the work of each
  bool has_bias_only_phases;
  KernelArguments arguments{};
  Schedule schedule;
};

Scheduled random_call(tools::SplitMix64& random) {
  const auto up_to = [&](std::int64_t high) { return 1 + random.below(high); };
  LayerSpec spec = testing::layer(up_to(64), up_to(64), up_to(40), up_to(20));
  spec.dilation = random.below(3) == 0 ? up_to(5) : 1;
  if (random.below(4) == 0) spec.groups = spec.in_channels = spec.out_channels;
  const std::int64_t batch = up_to(4);
  const auto threads = static_cast<int>(up_to(16));
  return {spec, "", up_to(random.below(2) == 0 ? 30 : 20'000), batch, threads};
}

template <typename F>
void for_random_calls(const F& f) {
  tools::SplitMix64 random(1);
  for (int i = 0; i < 3000; ++i) {
    const Scheduled call = random_call(random);
    SCOPED_TRACE(to_json(call.spec) + " columns " + std::to_string(call.arguments.columns) + " threads " +
                 std::to_string(call.threads));
    f(call);
    if (::testing::Test::HasFailure()) return;
  }
}

// How many pieces of `step` it takes to reach `count`, counted.
std::int64_t pieces(std::int64_t count, std::int64_t step) {
  std::int64_t result = 0;
  for (std::int64_t begin = 0; begin < count; begin += step) ++result;
  return result;
}

TEST(Schedule, ColumnBlocksCoverAllColumnsAndNoneIsEmpty) {
  for_random_calls([](const Scheduled& call) {
    ASSERT_GT(call.arguments.block_columns, 0);
    EXPECT_EQ(call.arguments.column_blocks, pieces(call.arguments.columns, call.arguments.block_columns));
  });
}

TEST(Schedule, ColumnBlocksFitThePanelAndStartOnATile) {
  for_random_calls([](const Scheduled& call) {
    EXPECT_LE(call.arguments.block_columns, call.plan.column_block);
    EXPECT_EQ(call.arguments.block_columns % call.tile_columns, 0);
  });
}

TEST(Schedule, StripsFitThePlans) {
  for_random_calls([](const Scheduled& call) {
    EXPECT_GE(call.arguments.strip_columns, 1);
    EXPECT_LE(call.arguments.strip_columns, call.plan.strip);
    if (call.arguments.column_blocks > 1) {
      EXPECT_EQ(call.arguments.strip_columns, call.plan.strip);
    }
  });
}

TEST(Schedule, RowChunksCoverAllRowTilesAndNoneIsEmpty) {
  for_random_calls([](const Scheduled& call) {
    ASSERT_GT(call.arguments.chunk_work, 0);
    std::set<std::int64_t> chunks;
    std::int64_t before = 0;
    for (const std::int64_t work : call.row_tiles) {
      chunks.insert(before / call.arguments.chunk_work);
      before += work;
    }
    EXPECT_EQ(call.arguments.row_chunks, std::ssize(chunks));
    EXPECT_EQ(call.arguments.row_chunks, *chunks.rbegin() + 1);
  });
}

TEST(Schedule, OutputsWithoutTapsHaveOneWriter) {
  for_random_calls([](const Scheduled& call) {
    if (!call.has_bias_only_phases) return;
    EXPECT_EQ(call.arguments.row_chunks, 1);
  });
}

TEST(Schedule, ItemsAreAllBlocksAndChunksOfAllGroupsOfTheBatch) {
  for_random_calls([](const Scheduled& call) {
    EXPECT_EQ(call.schedule.items,
              call.batch * call.spec.groups * call.arguments.column_blocks * call.arguments.row_chunks);
  });
}

TEST(Schedule, UsesAtMostTheThreadsAskedForAndNoMoreThanItems) {
  for_random_calls([](const Scheduled& call) {
    EXPECT_GE(call.schedule.threads, 1);
    EXPECT_LE(call.schedule.threads, call.threads);
    EXPECT_LE(call.schedule.threads, call.schedule.items);
    EXPECT_GE(call.schedule.grain, 1);
  });
}

TEST(Schedule, KeepsASmallLayerOnTheCallersThread) {
  EXPECT_EQ(Scheduled(testing::layer(4, 4, 4, 2), "", 32, 1, 16).schedule.threads, 1);
}

TEST(Schedule, CountsManyShortGroupsAsTheOneLoopThatTheyAre) {
  LayerSpec spec = testing::layer(512, 512, 4, 2);
  spec.groups = 512;
  EXPECT_EQ(Scheduled(spec, "depthwise", 1, 1, 2).schedule.threads, 1);
  EXPECT_EQ(Scheduled(spec, "depthwise", 1000, 1, 2).schedule.threads, 2);
}

TEST(Schedule, CutsRowsWhereBlocksOfWholeTilesWouldDifferMuch) {
  const Scheduled call(testing::layer(64, 32, 16, 8),
                       "row_lanes vectors=2 columns=14 input=packed prefetch=none taps=4 channel_block=64 strip=14 "
                       "column_block=1022",
                       257, 1, 2);  // blocks of 140 and 117
  EXPECT_EQ(call.arguments.column_blocks, 1);
  EXPECT_EQ(call.arguments.row_chunks, 2);
  EXPECT_EQ(2 * call.arguments.chunk_work,
            std::accumulate(call.row_tiles.begin(), call.row_tiles.end(), std::int64_t{0}));
}

}  // namespace
}  // namespace unstride::cpu
