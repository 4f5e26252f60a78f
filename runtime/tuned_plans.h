// Measured plans for kernels that are compiled: shipped ones over the cost model's, those of the cache's folder over
// both.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "cache/layered_cache.h"
#include "codegen/plan/cpu_planner.h"
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
  void reload();

 private:
  std::shared_ptr<const tuning::Choices> choices();

  cache::LayeredCache& cache_;
  std::mutex mutex_;
  std::shared_ptr<const tuning::Choices> choices_;  // read when first asked for
};

/// As lengths, for people.
std::vector<TunedRange> public_ranges(const std::vector<tuning::TunedColumns>& ranges);

}  // namespace unstride
