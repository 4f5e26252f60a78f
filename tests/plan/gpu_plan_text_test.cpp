// GPU plans as text: what is printed is read back; what can't be read is named.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "codegen/plan/gpu_planner.h"
#include "plan_testing.h"

namespace unstride::plan {
namespace {

const GpuTarget& hopper() {
  return *gpu_target("cuda:sm_90a");
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no error";
}

TEST(GpuPlanText, ReadsBackEveryTileThatIsEnumerated) {
  std::set<std::string_view> seen;
  for (LayerSpec spec : {layer(512, 256, 16, 8), layer(2, 3, 7, 3), layer(1026, 1, 1024, 256), layer(1, 2, 4, 2)})
    for (const Math math : {Math::strict, Math::fast}) {
      spec.math = math;
      const GpuProblem problem(spec, hopper());
      for (const GpuStrategy* strategy : gpu_strategies())
        for (const GpuTile& tile : strategy->enumerate(problem)) {
          const std::string text = plan::to_string(tile);
          SCOPED_TRACE(text);
          ASSERT_NO_THROW(EXPECT_EQ(parse_gpu_plan(text).tiles, std::vector{tile}));
          seen.insert(strategy->name);
        }
    }
  EXPECT_EQ(seen.size(), gpu_strategies().size());
}

TEST(GpuPlanText, ReadsBackSeveralTiles) {
  const GpuPlan plan = choose_gpu_plan({layer(512, 256, 16, 8), hopper()}).plan;
  ASSERT_GT(plan.tiles.size(), 1u);
  EXPECT_EQ(parse_gpu_plan(to_string(plan)), plan);
}

TEST(GpuPlanText, SaysWhatItCannotRead) {
  const auto says = [](std::string_view text) { return message([&] { parse_gpu_plan(text); }); };
  EXPECT_EQ(says("row_lanes vectors=2"), "plan: \"row_lanes\": strategies are ffma, depthwise, mma, wgmma");
  EXPECT_EQ(says("depthwise columns=4"), "plan: depthwise needs \"threads=\"");
  EXPECT_EQ(says("depthwise columns=0 threads=64"), "plan: \"columns=0\": must be a number from 1 to 2^30");
  EXPECT_EQ(says("depthwise columns=4 threads=64 rows=1"), "plan: depthwise has no \"rows\"");
  EXPECT_EQ(says("ffma order=columns rows=1"), "plan: \"order=columns\": must be channels or phases");
  EXPECT_EQ(says("depthwise columns=4 threads=64; "), "plan: \"\": strategies are ffma, depthwise, mma, wgmma");
}

TEST(GpuPlanText, CallsThatWereMeasuredStandBeforeTheirTile) {
  const std::string a = "depthwise columns=4 threads=64", b = "depthwise columns=2 threads=64";
  for (const std::string& text :
       {a + "; columns=65..256,1025..4096: " + b, "columns=others,1..8: " + a + "; " + b + "; columns=9..64: " + a}) {
    const GpuPlan plan = parse_gpu_plan(text);
    EXPECT_EQ(to_string(plan), text);
    EXPECT_EQ(plan.only_where_measured, 1u);
  }
  EXPECT_EQ(parse_gpu_plan(a + "; columns=65..256: " + b).measured, (std::vector<GpuCalls>{{65, 256, 1}}));
  const auto says = [](const std::string& text) { return message([&] { parse_gpu_plan(text); }); };
  EXPECT_EQ(says("columns=1..8: " + a), "plan: the first tile must take the calls that no range is for");
  EXPECT_EQ(says(a + "; columns=1..8: " + b + "; " + a),
            "plan: tiles for other calls than those of a range must come first");
  EXPECT_EQ(says(a + "; columns=8..1: " + b), "plan: \"columns=8..1\": must be \"others\" or ranges like 65..256");
  EXPECT_EQ(says(a + "; columns=0..1: " + b), "plan: \"columns=0..1\": must be \"others\" or ranges like 65..256");
  EXPECT_EQ(says(a + "; columns=,: " + b), "plan: \"columns=\": must be \"others\" or ranges like 65..256");
  EXPECT_EQ(says(a + "; columns=1..8: " + b + "; columns=8..9: " + a),
            "plan: \"columns=1..8\": other tiles are for some of these calls");
}

TEST(GpuPlanText, TilesOfOneKernelMayBeOfSeveralStrategiesAndReadWeightsInSeveralOrders) {
  const GpuProblem problem(layer(4, 4, 4, 2), hopper());
  const std::string rest =
      " rows=4 row_threads=1 other_threads=2 column_groups=1 column_threads=16 channel_block=4 tap_block=2 "
      "blocks_per_multiprocessor=1";
  const std::string one = "ffma order=channels" + rest, other = "ffma order=phases" + rest;
  EXPECT_EQ(choose_gpu_plan(problem, one + "; " + one).plan.tiles.size(), 2u);
  const GpuPlan plan = choose_gpu_plan(problem, one + "; " + other + "; " + one).plan;
  EXPECT_EQ(weight_layout(problem, plan), "ffma channels, ffma phases");
  EXPECT_EQ(weight_layouts(problem, plan).first_tile, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(weight_layouts(problem, plan).of_tile, (std::vector<std::size_t>{0, 1, 0}));

  LayerSpec fast = layer(32, 32, 4, 2);
  fast.math = Math::fast;
  const GpuProblem tensor(fast, hopper());
  const std::string mixed = to_string(choose_gpu_plan(tensor, "ffma").plan.tiles.front()) + "; " +
                            to_string(choose_gpu_plan(tensor, "mma").plan.tiles.front());
  EXPECT_EQ(choose_gpu_plan(tensor, mixed).plan.tiles.size(), 2u);
}

}  // namespace
}  // namespace unstride::plan
