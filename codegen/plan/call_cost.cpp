#include "codegen/plan/call_cost.h"

#include <algorithm>

#include "codegen/plan/cpu_planner.h"

namespace unstride::plan {

CallCost call_cost(const CpuProblem& problem, const CpuPlan& plan, std::int64_t most_columns) {
  const std::int64_t most = std::max<std::int64_t>(2, std::min({most_columns, plan.column_block, nominal_columns}));
  const auto predict = [&](std::int64_t columns) { return strategy_of(plan).predict(problem, plan, columns); };
  const std::int64_t fewer = most / 2;
  const double half = predict(fewer), whole = predict(most);
  CallCost cost;
  cost.column = (whole - half) / static_cast<double>(most - fewer);
  cost.column = std::clamp(cost.column, 0.0, whole / static_cast<double>(most));
  cost.block = whole - cost.column * static_cast<double>(most);
  // Each block has all weights come again, from the second-level cache or from beyond it, where threads that do so at
  // once wait for each other.
  const double bytes_a_cycle = weights_in_l2(problem) ? 13 : problem.target.reading.l3_bytes * 7 / 8;
  cost.weights = static_cast<double>(weight_bytes_of_a_group(problem)) / bytes_a_cycle;
  if (strategy_of(plan).reads_x) return cost;
  const double packing = packing_cycles(problem, plan);
  if (plan.input == Input::packed)
    cost.packing = std::min(packing / static_cast<double>(plan.strip), cost.column);
  else
    cost.end = packing;
  return cost;
}

}  // namespace unstride::plan
