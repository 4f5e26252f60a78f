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
  const void* x = nullptr;
  const PackedLayer& weights;
  void* y = nullptr;
  std::int64_t batch = 0, input_length = 0, output_length = 0;
  std::int64_t x_pitch = 0, y_pitch = 0;
  int threads = 1;
  Executor* executor = nullptr;
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
