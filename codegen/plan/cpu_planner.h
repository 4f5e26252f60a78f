// Enumerate, predict, choose: the one place where a CPU plan is decided.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/cpu_variants.h"
#include "codegen/plan/kernel_plan.h"

namespace unstride::plan {

struct PlanChoice {
  KernelPlan plan;
  std::vector<Candidate> candidates;  ///< at nominal_columns, best first; empty when the plan was given whole
};

/// A plan for calls of few columns, and others for more where they are predicted to be faster by enough to be worth
/// their code. wanted: empty, the name of a strategy, or a whole plan as to_string writes it. Throws ArgumentError when
/// no plan of that kind can be compiled for the layer, SpecError when no plan at all can.
PlanChoice choose_plan(const CpuProblem& problem, std::string_view wanted = {});

/// The choice as people read it: the plan, what follows from it, and the runners-up.
std::string explain(const CpuProblem& problem, const PlanChoice& choice);

}  // namespace unstride::plan
