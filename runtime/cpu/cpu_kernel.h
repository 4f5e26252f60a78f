// A kernel in memory: its layer, plan and code, and how it runs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codegen/plan/call_cost.h"
#include "codegen/plan/kernel_plan.h"
#include "runtime/cpu/jit.h"
#include "runtime/cpu/pack_weights.h"
#include "unstride/executor.hpp"

namespace unstride::cpu {

/// A layer's weights in each order that a variant of the kernel reads.
struct PackedWeightSets {
  std::vector<PackedLayer> sets;
  std::int64_t non_finite() const { return sets.front().non_finite; }
};

/// Arguments of one run, already checked against the layer. Pitches in elements.
struct RunArguments {
  const void* x = nullptr;
  const PackedWeightSets& weights;
  void* y = nullptr;
  std::int64_t batch = 0, input_length = 0, output_length = 0;
  std::int64_t x_pitch = 0, y_pitch = 0;
  int threads = 1;
  Executor* executor = nullptr;
  std::size_t scratch_place = 0;  ///< of thread_scratch
};

class CpuKernel {
 public:
  CpuKernel(plan::CpuProblem problem, const plan::KernelPlan& plan, std::unique_ptr<LoadedCode> code);

  /// The most scratch memory that a call takes of a thread.
  std::int64_t scratch_bytes() const;
  PackedWeightSets pack(const void* weight, const void* bias) const;
  void run(const RunArguments& arguments) const;

 private:
  // Of the plan's variant with the same index.
  struct Variant {
    plan::CpuGeometry geometry;
    plan::CallCost cost;
    std::size_t weights = 0;  ///< which of PackedWeightSets it reads
  };

  plan::CpuProblem problem_;
  plan::KernelPlan plan_;
  std::vector<Variant> variants_;
  std::unique_ptr<LoadedCode> code_;
};

}  // namespace unstride::cpu
