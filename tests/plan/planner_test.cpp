// The planner: what it proposes can be compiled, the best comes first, and what it is given is checked.
#include "codegen/plan/cpu_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

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

TEST(Planner, ChoosesTheCandidateWithTheFewestPredictedCycles) {
  for_each_small_layer([](const LayerSpec& spec) {
    const PlanChoice choice = choose_plan({spec, avx512()});
    ASSERT_FALSE(choice.candidates.empty());
    EXPECT_EQ(choice.plan, choice.candidates.front().plan);
    EXPECT_TRUE(std::ranges::is_sorted(choice.candidates, {}, &Candidate::predicted_cycles));
  });
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
  CpuPlan plan = choose_plan(problem, "row_lanes").plan;
  std::get<RowLanes>(plan.tile) = {.vectors = 4, .columns = 4, .tail_columns = 4};
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
