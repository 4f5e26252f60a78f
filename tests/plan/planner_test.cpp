// The planner: what it proposes can be compiled, the best comes first, and what it is given is checked.
#include "codegen/plan/cpu_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

#include "plan_testing.h"

namespace unstride::plan {
namespace {

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Planner, ListsTheCandidatesWithTheFewestPredictedCyclesFirst) {
  for_each_small_layer([](const LayerSpec& spec) {
    EXPECT_TRUE(std::ranges::is_sorted(choose_plan({spec, avx512()}).candidates, {}, &Candidate::predicted_cycles));
  });
}

TEST(Planner, ChoosesAmongTheCandidatesForEveryNumberOfColumns) {
  for_each_small_layer([](const LayerSpec& spec) {
    const PlanChoice choice = choose_plan({spec, avx512()});
    const auto& variants = choice.plan.variants;
    for (const Variant& variant : variants)
      EXPECT_NE(std::ranges::find(choice.candidates, variant.plan, &Candidate::plan), choice.candidates.end());
    EXPECT_TRUE(std::ranges::is_sorted(variants, std::ranges::less_equal{}, &Variant::most_columns));
    EXPECT_EQ(variants.back().most_columns, Variant::any);
  });
}

// The tiles of the kernel's loops over one strip: whole ones, then tails, or one more whole one where as many tails
// would compute as much.
ExpectedTiles counted_tiles(std::int64_t columns, std::int64_t tile, std::int64_t tail) {
  ExpectedTiles tiles{};
  for (; columns >= tile; columns -= tile) tiles.whole += 1;
  for (; columns > 0; columns -= tail) tiles.tails += 1;
  return static_cast<std::int64_t>(tiles.tails) * tail < tile ? tiles : ExpectedTiles{tiles.whole + 1, 0};
}

TEST(Planner, ExpectsTheTilesThatCoverFewColumnsAndTheirMeanOfMany) {
  for (const auto& [tile, tail] : {std::pair{14, 7}, {14, 5}, {9, 5}, {7, 3}, {7, 7}, {12, 1}, {1, 1}}) {
    for (std::int64_t columns = 1; columns < 4 * tile; ++columns) {
      const ExpectedTiles expected = expected_tiles(columns, tile, tail), counted = counted_tiles(columns, tile, tail);
      EXPECT_EQ(expected.whole, counted.whole) << columns << " in " << tile << " and " << tail;
      EXPECT_EQ(expected.tails, counted.tails) << columns << " in " << tile << " and " << tail;
    }
    ExpectedTiles mean{}, expected{};
    for (std::int64_t columns = 40 * tile; columns < 41 * tile; ++columns) {
      const ExpectedTiles counted = counted_tiles(columns, tile, tail), of = expected_tiles(columns, tile, tail);
      mean.whole += counted.whole / tile, mean.tails += counted.tails / tile;
      expected.whole += of.whole / tile, expected.tails += of.tails / tile;
    }
    EXPECT_NEAR(expected.whole, mean.whole, 1e-9) << tile << " and " << tail;
    EXPECT_NEAR(expected.tails, mean.tails, 1e-9) << tile << " and " << tail;
  }
}

// Columns that tiles compute for so many, in strips of one tile.
std::int64_t computed(const RowLanes& tile, std::int64_t strip, std::int64_t columns) {
  std::int64_t sum = 0;
  for (; columns > 0; columns -= strip) sum += tile.width_for(static_cast<int>(std::min(strip, columns)));
  return sum;
}

TEST(RowLanes, AWidthHoldsWhatIsWantedAndIsTheLeastOfFour) {
  for (int columns = 1; columns <= 30; ++columns) {
    const RowLanes tile{.columns = columns};
    std::set<int> widths;
    for (int wanted = 1; wanted <= columns; ++wanted) {
      widths.insert(tile.width_for(wanted));
      EXPECT_EQ(tile.width_for(wanted), *widths.lower_bound(wanted)) << wanted << " of " << columns;
    }
    EXPECT_EQ(*widths.rbegin(), columns);
    EXPECT_LE(widths.size(), 4u);
    EXPECT_EQ(tile.tail_columns(), columns == 1 ? 1 : *std::next(widths.rbegin())) << columns;
  }
}

TEST(RowLanes, StripsOfAShortCallComputeFewerColumnsInVain) {
  for (std::int64_t width = 1; width <= 30; ++width) {
    const RowLanes tile{.columns = static_cast<int>(width)};
    const CpuPlan plan{.tile = tile, .channel_block = 1, .strip = width, .column_block = 100 * width};
    for (std::int64_t columns = 1; columns < 6 * width; ++columns) {
      const std::int64_t strip = plan.strip_columns(columns);
      ASSERT_GE(strip, 1);
      ASSERT_LE(strip, plan.strip);
      if (columns >= 4 * width) {
        EXPECT_EQ(strip, plan.strip);
      } else if (strip < plan.strip) {
        EXPECT_LT(computed(tile, strip, columns), computed(tile, width, columns)) << columns << " in " << width;
      }
    }
  }
  const CpuPlan plan{.tile = RowLanes{.columns = 11}, .channel_block = 1, .strip = 11, .column_block = 1023};
  EXPECT_EQ(plan.strip_columns(12), 7);  // tiles of 7 and 5, not of 11 and 5
}

TEST(RowLanes, StripsOfACallLeaveRoomForItsLastTile) {
  const CpuPlan plan{.tile = RowLanes{.columns = 11}, .channel_block = 1, .strip = 11, .column_block = 22};
  EXPECT_EQ(plan.strip_columns(12), 11);
}

TEST(Planner, GivesFewColumnsAPlanThatIsPredictedToBeFasterThere) {
  const CpuProblem problem(layer(128, 64, 14, 7), avx512());
  const KernelPlan plan = choose_plan(problem).plan;
  ASSERT_GT(plan.variants.size(), 1u);
  const CpuPlan &few = plan.variants.front().plan, &many = plan.general();
  const std::int64_t columns = plan.variants.front().most_columns;
  EXPECT_LT(strategy_of(few).predict(problem, few, columns), strategy_of(many).predict(problem, many, columns));
}

TEST(Planner, AcceptsEveryCandidateAsAForcedPlan) {
  for (const CpuTarget& target : {avx2(), avx512()})
    for_each_small_layer([&](const LayerSpec& spec) {
      const CpuProblem problem(spec, target);
      for (const Candidate& candidate : choose_plan(problem).candidates)
        ASSERT_EQ(choose_plan(problem, to_string(candidate.plan)).plan, candidate.plan);
    });
}

TEST(Planner, KeepsToTheStrategyThatIsAskedFor) {
  for (const char* strategy : {"row_lanes", "column_lanes"}) {
    const PlanChoice choice = choose_plan({layer(16, 16, 4, 2), avx2()}, strategy);
    for (const Candidate& candidate : choice.candidates) EXPECT_EQ(candidate.plan.strategy(), strategy);
  }
}

TEST(Planner, FindsAPlanForEveryLayerHoweverLarge) {
  for (const LayerSpec& spec : {layer(1, 1, 1, 1), layer(4096, 4096, 64, 32), layer(1, 1, 1 << 20, 1 << 10),
                                layer(1, 1, 2, 1 << 20), layer(3, 3, 100, 1, 1000)})
    EXPECT_EQ(message([&] { choose_plan({spec, avx2()}); }), "no error") << to_json(spec);
}

TEST(Planner, RefusesAPlanThatDoesNotFitTheRegisters) {
  const CpuProblem problem(layer(64, 64, 4, 2), avx2());
  CpuPlan plan = choose_plan(problem, "row_lanes").plan.general();
  std::get<RowLanes>(plan.tile) = {.vectors = 4, .columns = 4};
  EXPECT_NE(message([&] { choose_plan(problem, to_string(plan)); }).find("the tile does not fit the registers"),
            std::string::npos);
}

TEST(Planner, RefusesColumnLanesForLargeStrides) {
  EXPECT_EQ(message([] {
              choose_plan({layer(8, 8, 32, 16), avx2()}, "column_lanes");
            }),
            "plan: column_lanes cannot compute this layer");
}

TEST(Planner, ExplainsItsChoiceAndItsRivals) {
  const CpuProblem problem(layer(512, 256, 16, 8), avx512());
  const PlanChoice choice = choose_plan(problem);
  const std::string text = explain(problem, choice);
  EXPECT_NE(text.find(to_string(choice.plan)), std::string::npos) << text;
  EXPECT_NE(text.find("8 phases with 2 taps at most, 0 with the bias alone, reach 1"), std::string::npos) << text;
  EXPECT_NE(text.find("candidates"), std::string::npos) << text;
}

}  // namespace
}  // namespace unstride::plan
