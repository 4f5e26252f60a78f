// What calls of any length cost under one plan, as the cost model sees it: a line, cheap enough to read in every call.
#pragma once

#include "codegen/plan/cpu_strategy.h"

namespace unstride::plan {

/// Cycles of one core and one group.
struct CallCost {
  double block = 0;    ///< of a column block of any width: its tail tiles
  double weights = 0;  ///< of a column block, where threads share a call: its weights on their way again
  double column = 0;   ///< of each column
  double packing = 0;  ///< the part of `column` that each row chunk repeats
  double end = 0;      ///< the part of `block` that each row chunk repeats, for each end of the input that is in it
};

/// Of calls with at most so many columns.
CallCost call_cost(const CpuProblem& problem, const CpuPlan& plan, std::int64_t most_columns);

}  // namespace unstride::plan
