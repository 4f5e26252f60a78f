// Enumerate, predict, choose: the one place where a GPU plan is decided.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/gpu_strategy.h"

namespace unstride::plan {

struct GpuCandidate {
  GpuTile tile;
  double predicted_microseconds = 0;  ///< for a batch of one at nominal_gpu_columns
};

struct GpuPlanChoice {
  GpuPlan plan;
  std::vector<GpuCandidate> candidates;  ///< best first; empty when the plan was given whole
};

/// The length that candidates are listed for.
inline constexpr std::int64_t nominal_gpu_columns = 4096;

/// A few tiles, one of which is predicted to be nearly the fastest for a call of any size; no more than are worth their
/// code. wanted: empty, the name of a strategy, or a whole plan as to_string writes it. Throws ArgumentError when
/// no plan of that kind can be compiled for the layer and target.
GpuPlanChoice choose_gpu_plan(const GpuProblem& problem, std::string_view wanted = {});

/// One tile, as measurements name it. Throws ArgumentError when it cannot be compiled for the layer and target.
GpuTile read_gpu_tile(const GpuProblem& problem, std::string_view text);

/// The choice as people read it: the plan, what follows from it, and the runners-up.
std::string explain(const GpuProblem& problem, const GpuPlanChoice& choice);

}  // namespace unstride::plan
