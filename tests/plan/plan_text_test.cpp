// Plans as text: what is printed is read back; what can't be read is named.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include <functional>
#include <string>

#include "codegen/plan/cpu_planner.h"
#include "plan_testing.h"

namespace unstride::plan {
namespace {

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const ArgumentError& error) {
    return error.what();
  }
  return "no error";
}

TEST(PlanText, ReadsBackEveryPlanThatIsEnumerated) {
  for (const CpuTarget& target : {avx2(), avx512()})
    for (const LayerSpec& spec : {layer(512, 256, 16, 8), layer(2, 3, 7, 3), layer(1026, 1, 1024, 256)}) {
      const CpuProblem problem(spec, target);
      for (const CpuStrategy* strategy : cpu_strategies())
        for (const CpuPlan& plan : strategy->enumerate(problem)) EXPECT_EQ(parse_plan(to_string(plan)), plan);
    }
}

TEST(PlanText, OrderAndSpacesDoNotMatter) {
  const CpuPlan plan = choose_plan({layer(8, 8, 4, 2), avx2()}).plan.general();
  std::string words = to_string(plan), reversed;
  while (!words.empty()) {
    const auto space = words.rfind(' ');
    reversed += "  " + words.substr(space == words.npos ? 0 : space + 1);
    words.resize(space == words.npos ? 0 : space);
  }
  EXPECT_EQ(parse_plan(reversed), plan);
}

struct Mistake {
  std::string name, from, to, expected;

  friend std::ostream& operator<<(std::ostream& out, const Mistake& mistake) { return out << mistake.name; }
};
class PlanMistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(PlanMistakes, AreNamed) {
  std::string text = to_string(choose_plan({layer(64, 64, 4, 2), avx2()}, "row_lanes").plan.general());
  const Mistake& mistake = GetParam();
  const auto at = text.find(mistake.from);
  ASSERT_NE(at, text.npos) << text;
  text.replace(at, text.find(' ', at) - at, mistake.to);
  EXPECT_EQ(message([&] { parse_plan(text); }), mistake.expected);
}

INSTANTIATE_TEST_SUITE_P(
    PlanText, PlanMistakes,
    ::testing::ValuesIn(std::vector<Mistake>{
        {"unknown_strategy", "row_lanes", "rowlanes",
         "plan: \"rowlanes\": strategies are row_lanes, phase_lanes, column_lanes, depthwise, row_pairs, "
         "amx_tiles"},
        {"missing_field", "columns=", "", "plan: row_lanes needs \"columns=\""},
        {"unknown_field", "taps=", "taps=4 tiles=2", "plan: row_lanes has no \"tiles\""},
        {"no_number", "taps=", "taps=many", "plan: \"taps=many\": must be a number from 1 to 2^30"},
        {"zero", "taps=", "taps=0", "plan: \"taps=0\": must be a number from 1 to 2^30"},
        {"negative", "taps=", "taps=-1", "plan: \"taps=-1\": must be a number from 1 to 2^30"},
        {"half_a_number", "taps=", "taps=4x", "plan: \"taps=4x\": must be a number from 1 to 2^30"},
        {"beyond_64_bits", "taps=", "taps=99999999999999999999",
         "plan: \"taps=99999999999999999999\": must be a number from 1 to 2^30"},
        {"beyond_any_plan", "taps=", "taps=1073741825", "plan: \"taps=1073741825\": must be a number from 1 to 2^30"},
        {"unknown_input", "input=", "input=copied", "plan: \"input=copied\": must be packed or direct"},
        {"second_name", "taps=", "taps=4 column_lanes", "plan: \"column_lanes\": expected key=value"},
    }),
    [](const auto& c) { return c.param.name; });

TEST(PlanText, AFieldGivenTwiceIsRefused) {
  const std::string text = to_string(choose_plan({layer(8, 8, 4, 2), avx2()}).plan.general());
  EXPECT_NE(message([&] { parse_plan(text + " taps=3"); }), "no error");
}

const KernelPlan& plan_of_three_ranges() {
  static const KernelPlan plan = [] {
    const CpuPlan any = choose_plan({layer(8, 8, 4, 2), avx2()}).plan.general();
    KernelPlan result(any);
    result.variants = {{any, 4}, {any, 100}, {any}};
    return result;
  }();
  return plan;
}

TEST(PlanText, OfAKernelIsReadBack) {
  EXPECT_EQ(parse_kernel_plan(to_string(plan_of_three_ranges())), plan_of_three_ranges());
}

TEST(PlanText, AKernelTakesTheFirstPlanWhoseRangeHoldsTheColumns) {
  const KernelPlan& plan = plan_of_three_ranges();
  const std::vector<std::pair<std::int64_t, std::size_t>> expected = {{1, 0},   {4, 0},   {5, 1},
                                                                      {100, 1}, {101, 2}, {std::int64_t{1} << 60, 2}};
  for (const auto& [columns, index] : expected) EXPECT_EQ(plan.index_for(columns), index) << columns;
}

TEST(PlanText, RangesAreChecked) {
  const std::string plan = to_string(plan_of_three_ranges().general());
  EXPECT_EQ(message([&] { parse_kernel_plan("columns<=8: " + plan); }),
            "plan: the last plan must be for any number of columns");
  EXPECT_EQ(message([&] { parse_kernel_plan("columns<=8: " + plan + "; columns<=8: " + plan + "; " + plan); }),
            "plan: the ranges of columns must ascend, and the plan for all others come last");
  EXPECT_EQ(message([&] { parse_kernel_plan(plan + "; " + plan); }),
            "plan: the ranges of columns must ascend, and the plan for all others come last");
  for (const std::string range : {"columns<=: ", "columns<=0: ", "columns<=x: ", "columns<=8 "})
    EXPECT_NE(
        message([&] { parse_kernel_plan(range + plan + "; " + plan); }).find("a range is written \"columns<=8: \""),
        std::string::npos)
        << range;
}

}  // namespace
}  // namespace unstride::plan
