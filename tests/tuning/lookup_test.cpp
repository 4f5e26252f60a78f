#include "runtime/tuning/lookup.h"

#include <gtest/gtest.h>

#include "codegen/plan/cpu_planner.h"
#include "unstride/spec.hpp"

namespace unstride::tuning {
namespace {

const LayerSpec spec{.in_channels = 8,
                     .out_channels = 4,
                     .kernel_size = 4,
                     .stride = 2};  // reach 1: a call of L inputs has L + 1 columns

Wanted wanted() {
  return {
      .spec = spec, .layer = to_json(spec), .target = "t", .threads = 2, .environment = {"cpu", "avx512f", "l", "g"}};
}

plan::CpuPlan tile(int columns) {
  return {.tile = plan::RowLanes{.vectors = 1, .columns = columns},
          .channel_block = 8,
          .strip = columns,
          .column_block = columns};
}

Choice choice(std::int64_t length, int columns) {
  return {.unit = {.layer = wanted().layer,
                   .target = "t",
                   .length = length,
                   .threads = 2,
                   .environment = wanted().environment},
          .plan = to_string(tile(columns)),
          .default_plan = "default",
          .complete = true,
          .time = {},
          .default_time = {}};
}

std::optional<plan::CpuPlan> read(const std::string& text) {
  return plan::parse_plan(text);
}

plan::KernelPlan two_ranges() {
  plan::KernelPlan result(tile(20));
  result.variants.insert(result.variants.begin(), {tile(10), 16});
  return result;
}

TunedPlan apply(const std::vector<Choice>& choices, const ReadPlan& reader = read) {
  return overlay({two_ranges(), {}}, select(choices, wanted()), wanted(), false, reader);
}

const plan::CpuPlan& at(const TunedPlan& tuned, std::int64_t columns) {
  return tuned.plan.variants[tuned.plan.index_for(columns)].plan;
}

TEST(Overlay, ATunedLengthTakesTheLengthsAroundIt) {
  const TunedPlan tuned = apply({choice(99, 3)});  // 100 columns
  EXPECT_EQ(at(tuned, 100), tile(3));
  EXPECT_EQ(at(tuned, 25), tile(3));
  EXPECT_EQ(at(tuned, 400), tile(3));
  EXPECT_EQ(at(tuned, 24), tile(20));
  EXPECT_EQ(at(tuned, 401), tile(20));
  EXPECT_EQ(at(tuned, 16), tile(10));
  EXPECT_EQ(tuned.plan.variants.size(), 4u);
  EXPECT_EQ(plan::parse_kernel_plan(to_string(tuned.plan)), tuned.plan);
  ASSERT_EQ(tuned.ranges.size(), 1u);
  EXPECT_EQ(tuned.ranges[0].level, Level::exact);
  EXPECT_EQ(tuned.ranges[0].above, 24);
  EXPECT_EQ(tuned.ranges[0].most, 400);
}

TEST(Overlay, NeighboursMeetInTheMiddle) {
  const TunedPlan tuned = apply({choice(99, 3), choice(399, 4)});
  EXPECT_EQ(at(tuned, 200), tile(3));
  EXPECT_EQ(at(tuned, 201), tile(4));
  EXPECT_EQ(at(tuned, 1600), tile(4));
  EXPECT_EQ(at(tuned, 1601), tile(20));
}

TEST(Overlay, WhereTheDefaultWonNothingIsReplaced) {
  Choice confirmed = choice(99, 3);
  confirmed.plan = confirmed.default_plan;
  const TunedPlan tuned = apply({confirmed});
  EXPECT_EQ(tuned.plan, two_ranges());
  EXPECT_EQ(tuned.ranges.at(0).level, Level::exact);
  // And it keeps its neighbour off.
  EXPECT_EQ(at(apply({confirmed, choice(399, 4)}), 200), tile(20));
}

TEST(Overlay, EqualNeighboursAreOneVariant) {
  EXPECT_EQ(apply({choice(99, 3), choice(199, 3), choice(399, 3)}).plan.variants.size(), 4u);
}

TEST(Overlay, APlanThatIsNotLegalAnyMoreIsSkipped) {
  int asked = 0;
  const TunedPlan tuned = apply({choice(99, 3)}, [&](const std::string&) -> std::optional<plan::CpuPlan> {
    ++asked;
    return {};
  });
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(tuned.plan, two_ranges());
  EXPECT_TRUE(tuned.ranges.empty());
}

TEST(Overlay, ALengthWithoutOutputIsIgnored) {
  Choice impossible = choice(1, 3);
  impossible.unit.length = -5;
  EXPECT_EQ(apply({impossible}).plan, two_ranges());
}

TEST(Overlay, EveryCallHasOnePlanAndRangesAscend) {
  for (std::int64_t a = 1; a < 40; a += 3)
    for (std::int64_t b = a + 1; b < 300; b += 7) {
      const TunedPlan tuned = apply({choice(a, 3), choice(b, 4)});
      EXPECT_EQ(plan::parse_kernel_plan(to_string(tuned.plan)), tuned.plan) << a << " " << b;
      EXPECT_EQ(at(tuned, a + 1), tile(3)) << a << " " << b;
      EXPECT_EQ(at(tuned, b + 1), tile(4)) << a << " " << b;
      EXPECT_LE(tuned.plan.variants.size(), 6u);
    }
}

// As on CPUs, but a kernel of a GPU has no end of tiles for the model's ranges: tiles compete in all other calls.
plan::GpuTile gpu_tile(int columns) {
  return gpu::DepthwiseTile{.columns = columns, .threads = 64};
}

std::optional<plan::GpuTile> read_tile(const std::string& text) {
  return plan::parse_gpu_plan(text).tiles.front();
}

Choice gpu_choice(std::int64_t length, int columns) {
  Choice result = choice(length, 1);
  result.plan = plan::to_string(gpu_tile(columns));
  return result;
}

TunedGpuPlan apply_gpu(const std::vector<Choice>& choices, TunedGpuPlan under = {{{gpu_tile(4), gpu_tile(8)}}, {}},
                       bool shipped = false) {
  return overlay(std::move(under), select(choices, wanted()), wanted(), shipped, read_tile);
}

TEST(GpuOverlay, ATunedLengthTakesTheCallsAroundItAndLeavesTheOthersToTheModel) {
  const TunedGpuPlan tuned = apply_gpu({gpu_choice(99, 2)});  // 100 columns
  EXPECT_EQ(tuned.plan.tiles, (std::vector<plan::GpuTile>{gpu_tile(4), gpu_tile(8), gpu_tile(2)}));
  EXPECT_EQ(tuned.plan.measured, (std::vector<plan::GpuCalls>{{25, 400, 2}}));
  EXPECT_EQ(tuned.plan.only_where_measured, 1u);
  EXPECT_EQ(tuned.ranges.at(0).level, Level::exact);
  EXPECT_EQ(plan::parse_gpu_plan(plan::to_string(tuned.plan)), tuned.plan);
}

TEST(GpuOverlay, ATileOfTheModelIsNotCompiledTwice) {
  const TunedGpuPlan tuned = apply_gpu({gpu_choice(99, 8)});
  EXPECT_EQ(tuned.plan.tiles.size(), 2u);
  EXPECT_EQ(tuned.plan.only_where_measured, 0u);
  EXPECT_EQ(tuned.plan.measured, (std::vector<plan::GpuCalls>{{25, 400, 1}}));
  EXPECT_EQ(plan::parse_gpu_plan(plan::to_string(tuned.plan)), tuned.plan);
}

TEST(GpuOverlay, NeighboursMeetInTheMiddleAndEqualOnesAreOneRange) {
  EXPECT_EQ(apply_gpu({gpu_choice(99, 1), gpu_choice(399, 2)}).plan.measured,
            (std::vector<plan::GpuCalls>{{25, 200, 2}, {201, 1600, 3}}));
  EXPECT_EQ(apply_gpu({gpu_choice(99, 1), gpu_choice(399, 1)}).plan.measured,
            (std::vector<plan::GpuCalls>{{25, 1600, 2}}));
  Choice confirmed = gpu_choice(399, 2);
  confirmed.plan = confirmed.default_plan;
  EXPECT_EQ(apply_gpu({gpu_choice(99, 1), confirmed}).plan.measured, (std::vector<plan::GpuCalls>{{25, 200, 2}}));
}

TEST(GpuOverlay, WhatWasMeasuredHereGoesOverWhatIsShipped) {
  const TunedGpuPlan shipped = apply_gpu({gpu_choice(99, 1), gpu_choice(6399, 2)}, {{{gpu_tile(4)}}, {}}, true);
  EXPECT_EQ(shipped.ranges.at(0).level, Level::shipped);
  const TunedGpuPlan tuned = apply_gpu({gpu_choice(399, 3)}, shipped);
  EXPECT_EQ(plan::to_string(tuned.plan),
            "depthwise columns=4 threads=64; columns=25..99: depthwise columns=1 threads=64; "
            "columns=100..1600: depthwise columns=3 threads=64; columns=1601..25600: depthwise columns=2 threads=64");
  ASSERT_EQ(tuned.ranges.size(), 2u);
  EXPECT_EQ(tuned.ranges[0].level, Level::exact);
  EXPECT_EQ(tuned.ranges[1].level, Level::shipped);
  // A tile that nothing is left for is gone.
  EXPECT_EQ(
      apply_gpu({gpu_choice(24, 3), gpu_choice(399, 3)}, apply_gpu({gpu_choice(99, 1)}, {{{gpu_tile(4)}}, {}}, true))
          .plan.tiles.size(),
      2u);
}

TEST(Levels, GoFromExactToNearest) {
  Choice elsewhere = choice(99, 3);
  elsewhere.unit.environment.processor = "another";
  EXPECT_EQ(apply({elsewhere}).ranges.at(0).level, Level::nearest);
  Choice other_threads = choice(99, 3);
  other_threads.unit.threads = 8;
  EXPECT_EQ(apply({other_threads}).ranges.at(0).level, Level::nearest);
  Choice other_version = choice(99, 3);
  other_version.unit.environment.generator = "older";
  EXPECT_EQ(apply({other_version}).ranges.at(0).level, Level::nearest);
}

TEST(Levels, ShippedOnesGiveWayToThoseMeasured) {
  const TunedPlan shipped = overlay({two_ranges(), {}}, {choice(99, 3), choice(1599, 5)}, wanted(), true, read);
  EXPECT_EQ(shipped.ranges.at(0).level, Level::shipped);
  const TunedPlan tuned = overlay(shipped, {choice(99, 4)}, wanted(), false, read);
  EXPECT_EQ(at(tuned, 100), tile(4));
  EXPECT_EQ(at(tuned, 1600), tile(5));
  ASSERT_EQ(tuned.ranges.size(), 2u);
  EXPECT_EQ(tuned.ranges[0].level, Level::exact);
  EXPECT_EQ(tuned.ranges[1].level, Level::shipped);
}

TEST(Select, TakesWhatWasMeasuredHereThenCompleteThenWarmThenTheLatest) {
  const auto chosen = [](std::vector<Choice> choices) { return select(std::move(choices), wanted()).at(0).plan; };
  Choice here = choice(99, 1), elsewhere = choice(99, 2);
  elsewhere.unit.environment.processor = "another";
  elsewhere.made = 5;
  EXPECT_EQ(chosen({elsewhere, here}), here.plan);
  Choice cut = choice(99, 3);
  cut.complete = false;
  cut.made = 9;
  EXPECT_EQ(chosen({cut, here}), here.plan);
  Choice cold = choice(99, 4);
  cold.unit.cold = true;
  cold.made = 9;
  EXPECT_EQ(chosen({cold, here}), here.plan);
  Choice later = choice(99, 5);
  later.made = 7;
  EXPECT_EQ(chosen({later, here}), later.plan);
  EXPECT_EQ(chosen({here, later}), later.plan);
  Choice same_cpu = choice(99, 6);
  same_cpu.unit.threads = 1;
  EXPECT_EQ(chosen({elsewhere, same_cpu}), same_cpu.plan);
}

}  // namespace
}  // namespace unstride::tuning
