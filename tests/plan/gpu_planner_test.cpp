// What the GPU planner promises: a legal plan for every layer and target, tiles that cover the layer, and launches that
// the hardware takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "codegen/plan/gpu_planner.h"
#include "plan_testing.h"

namespace unstride::plan {
namespace {

const GpuTarget& hopper() {
  return *gpu_target("cuda:sm_90a");
}

// With the types and channels that make a difference to tiles.
std::vector<LayerSpec> varied_layers() {
  std::vector<LayerSpec> layers = {layer(512, 256, 16, 8),    layer(1026, 1, 1024, 256), layer(80, 80, 1024, 256),
                                   layer(1, 1, 1, 1),         layer(3, 5, 7, 3, 2),      layer(2, 2, 9, 1, 1000),
                                   layer(16, 8, 40, 1000003), layer(4, 4, 100, 1)};
  for (LayerSpec& spec : std::vector(layers)) {
    spec.dtype = DType::float64;
    layers.push_back(spec);
    spec.dtype = DType::bfloat16;
    layers.push_back(spec);
  }
  LayerSpec depthwise = layer(768, 768, 12, 2);
  depthwise.groups = 768;
  layers.push_back(depthwise);
  return layers;
}

TEST(GpuPlanner, FindsALegalPlanForEveryLayerAndTarget) {
  for (const GpuTarget& target : gpu_targets())
    for (const LayerSpec& spec : varied_layers()) {
      const GpuProblem problem(spec, target);
      const GpuPlanChoice choice = choose_gpu_plan(problem);
      for (const GpuTile& tile : choice.plan.tiles)
        EXPECT_EQ(strategy_of(tile).why_illegal(problem, tile), "") << target.name << " " << to_json(spec);
      // Forced, it is the same plan.
      EXPECT_EQ(choose_gpu_plan(problem, to_string(choice.plan)).plan, choice.plan);
    }
}

TEST(GpuPlanner, FindsAPlanForEverySmallLayer) {
  for_each_small_layer([](const LayerSpec& spec) {
    const GpuProblem problem(spec, hopper());
    EXPECT_FALSE(choose_gpu_plan(problem).plan.tiles.empty()) << to_json(spec);
  });
}

TEST(GpuPlanner, EveryEnumeratedTileIsLegalAndCanBeLaunched) {
  for (const GpuTarget& target : gpu_targets())
    for (const LayerSpec& spec : varied_layers()) {
      const GpuProblem problem(spec, target);
      for (const GpuStrategy* strategy : gpu_strategies())
        for (const GpuTile& tile : strategy->enumerate(problem)) {
          ASSERT_EQ(strategy->why_illegal(problem, tile), "") << plan::to_string(tile);
          const GpuLaunch launch = launch_of(problem, tile, 2, 1000);
          EXPECT_GT(launch.blocks, 0);
          EXPECT_TRUE(launch.threads % 32 == 0 && launch.threads <= 1024);
          EXPECT_LE(launch.shared_bytes, target.shared_bytes_per_block);
          EXPECT_EQ(launch_of(problem, tile, 0, 1000).blocks, 0);
        }
    }
}

TEST(GpuPlanner, TilesOfOneKernelReadTheSameWeights) {
  for (const LayerSpec& spec : varied_layers()) {
    const GpuProblem problem(spec, hopper());
    std::set<std::string> layouts;
    for (const GpuTile& tile : choose_gpu_plan(problem).plan.tiles)
      layouts.insert(strategy_of(tile).weight_layout(problem, tile));
    EXPECT_EQ(layouts.size(), 1u) << to_json(spec);
  }
}

TEST(GpuPlanner, EveryTileOfAPlanRunsSomeCall) {
  const GpuProblem problem(layer(512, 256, 16, 8), hopper());
  const GpuPlan plan = choose_gpu_plan(problem).plan;
  std::set<std::size_t> used;
  for (const std::int64_t batch : {1, 16})
    for (std::int64_t columns = 1; columns < (std::int64_t{1} << 40); columns = columns * 5 / 4 + 1) {
      const std::size_t index = variant_for(problem, plan, batch, columns);
      ASSERT_LT(index, plan.tiles.size());
      used.insert(index);
    }
  EXPECT_EQ(used.size(), plan.tiles.size());
}

// Sizes of calls that the planner does not look at.
TEST(GpuPlanner, CallsOfAnySizeHaveATileThatIsNearlyTheFastest) {
  double sum = 0;
  int calls = 0;
  for (const Math math : {Math::strict, Math::fast}) {
    LayerSpec spec = layer(512, 256, 16, 8);
    spec.math = math;
    const GpuProblem problem(spec, hopper());
    const GpuPlanChoice choice = choose_gpu_plan(problem);
    for (const std::int64_t batch : {1, 16})
      for (std::int64_t columns = 3; columns < 100'000; columns = columns * 3 / 2) {
        const auto predicted = [&](const GpuTile& tile) {
          return strategy_of(tile).predict(problem, tile, batch, columns);
        };
        double least = std::numeric_limits<double>::infinity();
        for (const GpuCandidate& candidate : choice.candidates) least = std::min(least, predicted(candidate.tile));
        const double ratio = predicted(choice.plan.tiles[variant_for(problem, choice.plan, batch, columns)]) / least;
        EXPECT_LT(ratio, 2) << to_json(spec) << ", " << batch << " x " << columns;
        sum += std::log(ratio);
        ++calls;
      }
  }
  EXPECT_LT(std::exp(sum / calls), 1.07);
}

TEST(GpuPlanner, WhatWasMeasuredDecidesItsCallsByBatchTimesColumns) {
  const GpuProblem problem(layer(512, 256, 16, 8), hopper());
  const GpuPlan model = choose_gpu_plan(problem).plan;
  GpuPlan plan = model;
  plan.measured = {{65, 256, plan.tiles.size()}};
  plan.tiles.push_back(choose_gpu_plan(problem).candidates.back().tile);
  plan.only_where_measured = 1;
  for (const auto& [batch, columns] : {std::pair{1, 65}, {1, 256}, {16, 16}, {128, 2}})
    EXPECT_EQ(variant_for(problem, plan, batch, columns), model.tiles.size()) << batch << " x " << columns;
  for (const auto& [batch, columns] : {std::pair{1, 64}, {1, 257}, {16, 17}, {1, 4}, {65, 0}})
    EXPECT_EQ(variant_for(problem, plan, batch, columns), variant_for(problem, model, batch, columns));
  EXPECT_LT(variant_for(problem, plan, std::int64_t{1} << 20, std::int64_t{1} << 24), model.tiles.size());
  EXPECT_NE(explain(problem, {plan, {}}).find("is the best for 65 to 256"), std::string::npos);
}

TEST(GpuPlanner, AMeasuredTileLeavesCallsThatItCannotRunToTheOthers) {
  LayerSpec spec = layer(512, 256, 16, 8);
  spec.math = Math::fast;
  const GpuProblem problem(spec, hopper());
  GpuPlan plan = choose_gpu_plan(problem).plan;
  const auto tiles = mma.enumerate(problem);
  const GpuTile split = *std::ranges::find_if(tiles, [](const GpuTile& tile) { return splits_of(tile) > 1; });
  plan.measured = {{1, 1'000'000, plan.tiles.size()}};
  plan.tiles.push_back(split);
  plan.only_where_measured = 1;
  EXPECT_EQ(plan.tiles[variant_for(problem, plan, 1, 10)], split);
  EXPECT_NE(plan.tiles[variant_for(problem, plan, 1, 1'000'000)], split);
  EXPECT_EQ(choose_gpu_plan(problem, to_string(plan)).plan, plan);
  EXPECT_EQ(read_gpu_tile(problem, to_string(split)), split);
  EXPECT_THROW(read_gpu_tile(problem, to_string(plan)), ArgumentError);
  EXPECT_THROW(choose_gpu_plan(problem, to_string(split)), ArgumentError);
}

TEST(GpuPlanner, AnotherTargetIsWhyATileIsIllegal) {
  // Two stages of 64 KB.
  const std::string tile =
      "ffma order=channels rows=8 row_threads=16 other_threads=1 column_groups=2 column_threads=16 channel_block=64 "
      "tap_block=2 blocks_per_multiprocessor=1";
  const LayerSpec spec = layer(512, 256, 16, 8);
  EXPECT_THROW(choose_gpu_plan({spec, *gpu_target("cuda:sm_75")}, tile), ArgumentError);
}

TEST(GpuPlanner, RefusesTilesThatBreakARule) {
  const GpuProblem dilated(layer(4, 4, 40, 2, 3), hopper());
  const auto wrong = [&](gpu::FfmaTile tile) { return ffma.why_illegal(dilated, tile); };
  const gpu::FfmaTile legal{.rows = 4, .row_threads = 1, .other_threads = 2, .channel_block = 4, .tap_block = 20};
  ASSERT_EQ(wrong(legal), "");
  const auto with = [&](auto member, auto value) {
    gpu::FfmaTile tile = legal;
    tile.*member = value;
    return wrong(tile);
  };
  using T = gpu::FfmaTile;
  EXPECT_NE(with(&T::order, gpu::Rows::phases), "");
  EXPECT_NE(with(&T::rows, 3), "");
  EXPECT_NE(with(&T::column_threads, 3), "");
  EXPECT_NE(with(&T::column_threads, 1024), "");
  EXPECT_NE(with(&T::column_groups, 5), "");
  EXPECT_NE(with(&T::channel_block, 5), "");
  EXPECT_NE(with(&T::tap_block, 8), "") << "with more than one channel at a time";
  EXPECT_NE(with(&T::rows, 1 << 30), "");
}

TEST(GpuPlanner, NamesAStrategyThatCannotComputeTheLayer) {
  const GpuProblem problem(layer(512, 256, 16, 8), hopper());
  EXPECT_THROW(choose_gpu_plan(problem, "depthwise"), ArgumentError);
  EXPECT_THROW(choose_gpu_plan(problem, "row_lanes"), ArgumentError);
  EXPECT_EQ(choose_gpu_plan(problem, "ffma").plan.strategy(), "ffma");
}

LayerSpec fast(LayerSpec spec) {
  spec.dtype = DType::bfloat16;
  spec.math = Math::fast;
  return spec;
}

TEST(GpuPlanner, SplitsReductionsOfFastMathInSmallCallsAlone) {
  for (const char* name : {"cuda:sm_80", "cuda:sm_90a"}) {
    LayerSpec inverse_stft = layer(1026, 1, 1024, 256);
    inverse_stft.math = Math::fast;
    const GpuProblem problem(inverse_stft, *gpu_target(name));
    const GpuPlan plan = choose_gpu_plan(problem).plan;
    const auto splits = [&](std::int64_t batch, std::int64_t columns) {
      return splits_of(plan.tiles[variant_for(problem, plan, batch, columns)]);
    };
    EXPECT_GT(splits(1, 4), 1) << name;
    EXPECT_EQ(splits(16, 4097), 1) << name;
    EXPECT_EQ(splits(1, std::int64_t{1} << 40), 1) << name;
  }
  const GpuProblem strict(layer(1026, 1, 1024, 256), hopper());
  for (const GpuTile& tile : choose_gpu_plan(strict).plan.tiles) EXPECT_EQ(splits_of(tile), 1);
}

TEST(GpuPlanner, APlanHasATileThatSplitsNothing) {
  const std::string tile =
      "mma order=channels columns=32 inner_tiles=1 outer_tiles=4 column_warps=2 row_warps=1 depth_warps=4 slabs=1 "
      "tap_block=2 stages=3 splits=";
  const GpuProblem problem(fast(layer(512, 256, 16, 8)), hopper());
  const auto plan = [&](int splits) { return tile + std::to_string(splits) + " blocks_per_multiprocessor=1"; };
  EXPECT_THROW(choose_gpu_plan(problem, plan(2)), ArgumentError);
  EXPECT_NO_THROW(choose_gpu_plan(problem, plan(2) + "; " + plan(1)));
  for (const int wrong : {-1, 0, 5, 65})
    EXPECT_THROW(choose_gpu_plan(problem, plan(wrong) + "; " + plan(1)), ArgumentError) << wrong;
}

TEST(GpuPlanner, AWorkspaceGrowsWithTilesAndIsThatOfTheLaunch) {
  LayerSpec spec = layer(512, 256, 16, 8);
  spec.math = Math::fast;
  const GpuProblem problem(spec, hopper());
  const gpu::MmaTile tile{.column_warps = 2, .row_warps = 2, .splits = 4};
  const std::int64_t slice = tile.columns * 8 * tile.row_groups() * 4;
  const std::int64_t tiles = tile.shape().blocks(problem.layer, 2, 100);
  EXPECT_EQ(launch_of(problem, tile, 2, 100).workspace_bytes, gpu::SplitTile::counter_bytes + tiles * 4 * slice);
  EXPECT_EQ(launch_of(problem, tile, 2, 100).blocks, 4 * tiles);
  EXPECT_EQ(launch_of(problem, gpu::MmaTile{}, 2, 100).workspace_bytes, 0);
}

TEST(GpuPlanner, OffersWgmmaForDeepLayersOnSm90aAlone) {
  for (const GpuTarget& target : gpu_targets()) {
    const auto tiles = [&](const LayerSpec& spec) { return wgmma.enumerate({spec, target}).size(); };
    const LayerSpec deep = layer(512, 256, 16, 8);
    EXPECT_EQ(tiles(fast(deep)) > 0, target.name == "cuda:sm_90a") << target.name;
    EXPECT_EQ(tiles(deep), 0u) << "strict math";
    EXPECT_EQ(tiles(fast(layer(64, 32, 4, 2))), 0u) << "128 products an output";
    EXPECT_EQ(tiles(fast(layer(512, 256, 16, 8, 3))), 0u) << "phases read different inputs";
    EXPECT_EQ(tiles(fast(layer(512, 256, 9, 1))), 0u) << "nine taps";
  }
}

TEST(GpuPlanner, RefusesWgmmaTilesThatBreakARule) {
  const GpuProblem problem(fast(layer(512, 256, 16, 8)), hopper());
  const gpu::WgmmaTile legal;
  ASSERT_EQ(wgmma.why_illegal(problem, legal), "");
  const auto with = [&](int gpu::WgmmaTile::*member, int value) {
    gpu::WgmmaTile tile = legal;
    tile.*member = value;
    return wgmma.why_illegal(problem, tile);
  };
  using T = gpu::WgmmaTile;
  EXPECT_NE(with(&T::warpgroups, 3), "");
  EXPECT_NE(with(&T::outer_tiles, 16), "");
  EXPECT_NE(with(&T::outer_tiles, 7), "");
  EXPECT_NE(with(&T::slabs, 3), "") << "16 slabs";
  EXPECT_NE(with(&T::stages, 1), "");
  EXPECT_NE(with(&T::stages, 8), "") << "shared memory";
  EXPECT_NE(with(&T::blocks_per_multiprocessor, 2), "");
}

TEST(GpuPlanner, ExplainsItsChoice) {
  const GpuProblem problem(layer(512, 256, 16, 8), hopper());
  const GpuPlanChoice choice = choose_gpu_plan(problem);
  const std::string text = explain(problem, choice);
  EXPECT_NE(text.find(to_string(choice.plan)), text.npos);
  EXPECT_NE(text.find("132 multiprocessors"), text.npos);
}

TEST(GpuProblem, RefusesLayersThatKernelsCannotCount) {
  EXPECT_THROW(GpuProblem(layer(1, 1, 2, (std::int64_t{1} << 31) + 1), hopper()), SpecError);
  EXPECT_THROW(GpuProblem(layer(1, 1, 3, 1, std::int64_t{1} << 30), hopper()), SpecError);
  EXPECT_THROW(GpuProblem(layer(std::int64_t{1} << 20, 1, 2048, 1), hopper()), SpecError);
}

TEST(GpuTarget, DevicesGetMachineCodeOfTheirMajorVersionAndOthersPtx) {
  const auto name = [](int major, int minor) {
    const GpuTarget* target = gpu_target_for(major, minor);
    return target == nullptr ? "none" : std::string(target->name);
  };
  EXPECT_EQ(name(7, 0), "none");
  EXPECT_EQ(name(7, 5), "cuda:sm_75");
  EXPECT_EQ(name(8, 0), "cuda:sm_80");
  EXPECT_EQ(name(8, 7), "cuda:sm_86");
  EXPECT_EQ(name(8, 9), "cuda:sm_89");
  EXPECT_EQ(name(9, 0), "cuda:sm_90a");
  EXPECT_EQ(name(9, 1), "cuda:compute_89") << "neither code nor PTX for sm_90a runs there";
  EXPECT_EQ(name(10, 3), "cuda:sm_100");
  EXPECT_EQ(name(12, 1), "cuda:sm_120");
  EXPECT_EQ(name(11, 0), "cuda:compute_100");
  EXPECT_EQ(name(13, 0), "cuda:compute_120");
}

TEST(GpuTarget, PtxIsThatOfEveryArchitectureThatIsNotSpecific) {
  std::vector<std::string> names;
  for (const GpuTarget& target : ptx_targets()) {
    names.emplace_back(target.name);
    EXPECT_EQ("cuda:" + std::string(target.arch), target.name);
    EXPECT_EQ(gpu_target(target.name), &target);
    EXPECT_FALSE(target.has_wgmma);
    const int major = target.compute_capability / 10, minor = target.compute_capability % 10;
    EXPECT_TRUE(runs_on(target, major, minor) && runs_on(target, major + 1, 0));
    EXPECT_FALSE(runs_on(target, major - 1, 9));
  }
  const auto specific = std::ranges::count_if(gpu_targets(), [](const auto& t) { return t.arch.ends_with('a'); });
  EXPECT_EQ(std::ssize(names), std::ssize(gpu_targets()) - specific);
}

// The kernels' constants against the host's, which tests/plan/polyphase_test.cpp checks by brute force.
TEST(GpuPolyphase, AgreesWithTheHost) {
  for_each_small_layer([](const LayerSpec& spec) {
    const Polyphase host(spec);
    const gpu::Polyphase device = GpuProblem(spec, hopper()).layer.polyphase();
    ASSERT_EQ(device.tap_step(), host.tap_step);
    ASSERT_EQ(device.input_step(), host.input_step);
    ASSERT_EQ(device.phases(), host.phases());
    ASSERT_EQ(device.reach(), host.reach());
    std::set<std::int64_t> with_taps;
    for (std::int64_t tap = 0; tap < host.phases(); ++tap) {
      ASSERT_EQ(device.phase(tap), host.phase(tap));
      ASSERT_EQ(device.delay(tap), host.delay(tap));
      ASSERT_EQ(device.taps(tap), host.taps(tap));
      ASSERT_EQ(device.first_tap(host.phase(tap)), tap);
      with_taps.insert(host.phase(tap));
    }
    for (std::int64_t phase = 0; phase < spec.stride; ++phase)
      ASSERT_EQ(device.first_tap(phase) == -1, !with_taps.contains(phase));
  });
}

TEST(GpuPolyphase, CountsTheSameColumnsAsTheHost) {
  for (const std::int64_t padding : {0, 1, 5})
    for (const std::int64_t length : {1, 2, 7, 100}) {
      LayerSpec spec = layer(1, 1, 16, 3);
      spec.padding = padding;
      spec.trim = {2, 1};
      const Columns host(spec, length);
      const gpu::Layer device = GpuProblem(spec, hopper()).layer;
      EXPECT_EQ(device.first_column(), host.first);
      EXPECT_EQ(gpu::columns_of(device, length), host.count);
    }
}

}  // namespace
}  // namespace unstride::plan
