// A layer compiled for a GPU, and run by the emulator: the source that codegen/cuda generates, the weights that
// runtime/cuda packs, the grid that codegen/plan computes.
#pragma once

#include <string>
#include <vector>

#include "codegen/cuda/source.h"
#include "codegen/plan/gpu_planner.h"
#include "tests/emulator/host_compiler.h"
#include "tests/emulator/schedule.h"
#include "tests/oracle/guarded_array.h"
#include "tests/oracle/layer_data.h"

namespace unstride::testing {

/// A text in a header that is replaced, everywhere, before the kernel is compiled.
struct Mutation {
  std::string header, from, to;
};

/// How one call is made. What the outputs are does not depend on it.
struct EmulatedRun {
  emulator::Schedule schedule = emulator::Schedule::forward();
  Touching touching = Touching::back;          ///< which guard x, y and shared memory touch
  std::int64_t input_gap = 0, output_gap = 0;  ///< elements between rows
  std::int64_t output_padding = -1;            ///< -1: the spec's
  int tile = -1;                               ///< of the plan; -1: the one that a GPU would run
  std::int64_t most_blocks = 0;                ///< 0: all; else the first, the last and some between
  int launches = 1;                            ///< one after the other, with the same workspace
};

class EmulatedKernel {
 public:
  /// target: "cuda:sm_90a"; plan: empty, a strategy, or a whole plan. Throws as choose_gpu_plan does, and
  /// std::runtime_error when a mutation's text is not there.
  EmulatedKernel(const LayerSpec& spec, const std::string& target, const std::string& plan = {},
                 const std::vector<Mutation>& mutations = {});

  int tiles() const { return static_cast<int>(plan_.tiles.size()); }
  std::string plan() const { return plan::to_string(plan_); }

  /// y of the last launch, dense. x, weights and y lie in guarded memory; what lies between rows of x is not a number,
  /// and what lies between rows of y stays as it was, and so do the counters of the workspace. Outputs of blocks that
  /// are left out are never_written<T>. Throws emulator::Failure.
  template <typename T>
  std::vector<T> run(const LayerData<T>& data, const EmulatedRun& how = {}) const;

  /// Spec, plan and shape, in words that repeat the case.
  template <typename T>
  std::string describe(const LayerData<T>& data, const EmulatedRun& how) const;

 private:
  plan::GpuProblem problem_;
  plan::GpuPlan plan_;
  emulator::CompiledSource compiled_;
};

/// What y holds before a call: no test computes it.
template <typename T>
T never_written() {
  return stored<T>(dtype_of<T> == DType::float16 ? -61234 : -1.2345e30);
}

}  // namespace unstride::testing
