// Enumerate, predict, choose: the one place where a CPU plan is decided.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/cpu_strategy.h"

namespace unstride::plan {

struct Candidate {
  CpuPlan plan;
  double predicted_cycles = 0;  ///< for one group at nominal_columns
};

struct PlanChoice {
  CpuPlan plan;
  std::vector<Candidate> candidates;  ///< best first; empty when the plan was given whole
};

/// The length that plans are compared at.
inline constexpr std::int64_t nominal_columns = 1024;

/// wanted: empty, the name of a strategy, or a whole plan as to_string writes it. Throws ArgumentError when
/// no plan of that kind can be compiled for the layer, SpecError when no plan at all can.
PlanChoice choose_plan(const CpuProblem& problem, std::string_view wanted = {});

/// The choice as people read it: the plan, what follows from it, and the runners-up.
std::string explain(const CpuProblem& problem, const PlanChoice& choice);

}  // namespace unstride::plan
