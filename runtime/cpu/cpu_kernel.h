// A kernel in memory: its layer, plan and code, and how it runs.
#pragma once

#include <memory>
#include <string>

#include "codegen/plan/cpu_strategy.h"
#include "runtime/cpu/jit.h"
#include "runtime/cpu/pack_weights.h"
#include "unstride/executor.hpp"

namespace unstride::cpu {

/// Arguments of one run, already checked against the layer. Pitches in elements.
struct RunArguments {
  const void* x;
  const PackedLayer& weights;
  void* y;
  std::int64_t batch, input_length, output_length;
  std::int64_t x_pitch, y_pitch;
  int threads;
  Executor* executor;
};

class CpuKernel {
 public:
  CpuKernel(plan::CpuProblem problem, plan::CpuPlan plan, std::unique_ptr<LoadedCode> code);

  PackedLayer pack(const void* weight, const void* bias) const;
  void run(const RunArguments& arguments) const;

 private:
  plan::CpuProblem problem_;
  plan::CpuPlan plan_;
  plan::CpuGeometry geometry_;
  std::unique_ptr<LoadedCode> code_;
};

}  // namespace unstride::cpu
