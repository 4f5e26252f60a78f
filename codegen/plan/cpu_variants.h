// Which plans a kernel holds for calls of which lengths.
#pragma once

#include <span>

#include "codegen/plan/cpu_strategy.h"
#include "codegen/plan/kernel_plan.h"

namespace unstride::plan {

struct Candidate {
  CpuPlan plan;
  double predicted_cycles = 0;  ///< for one group at nominal_columns
};

/// The length that candidates are listed for.
inline constexpr std::int64_t nominal_columns = 1024;

/// The plan that is predicted to be the best for long calls, and others for calls of fewer columns where they are
/// predicted to be faster by enough to be worth their code. At least one candidate.
KernelPlan cheapest_variants(const CpuProblem& problem, std::span<const Candidate> candidates);

}  // namespace unstride::plan
