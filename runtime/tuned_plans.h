// Measured plans for kernels that are compiled: shipped ones over the cost model's, those of the cache's folder over
// both.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "cache/layered_cache.h"
#include "codegen/plan/cpu_planner.h"
#include "codegen/plan/gpu_planner.h"
#include "runtime/tuning/journal.h"
#include "runtime/tuning/lookup.h"
#include "unstride/engine.hpp"

namespace unstride {

class TunedPlans {
 public:
  explicit TunedPlans(cache::LayeredCache& cache) : cache_(cache) {}

  /// `model` with what was measured laid over it. A plan that is no longer legal is left out, and one line says so.
  tuning::TunedPlan find(const plan::CpuProblem& problem, plan::KernelPlan model, const std::string& target,
                         int threads);
  /// environment: asked for only where there are measurements of the layer.
  tuning::TunedGpuPlan find(const plan::GpuProblem& problem, plan::GpuPlan model,
                            const std::function<tuning::Environment()>& environment);
  void reload();

 private:
  std::shared_ptr<const tuning::Choices> choices();
  template <typename Plan, typename Read>
  tuning::Tuned<Plan> lay_over(Plan model, tuning::Wanted wanted,
                               const std::function<tuning::Environment()>& environment, const Read& read);
  void say_is_not_used(const std::string& plan, const ArgumentError& error);

  cache::LayeredCache& cache_;
  std::mutex mutex_;
  std::shared_ptr<const tuning::Choices> choices_;  // read when first asked for
};

/// As lengths, for people. of_batch: a call counts by its batch times its columns.
std::vector<TunedRange> public_ranges(const std::vector<tuning::TunedColumns>& ranges, bool of_batch = false);

/// Where a plan comes from, in lines for `compile --emit plan`.
std::string chosen_by(const std::string& plan_source, const std::vector<TunedRange>& tuned);

/// The Unit of a kernel for a GPU has none of the host's threads.
inline constexpr int threads_of_gpu = 0;

}  // namespace unstride
