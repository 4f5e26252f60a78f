// Code of plans that are being tuned: the lengths of a layer share it, and it may be made ahead of its use. It does not
// go to the cache, which is for kernels that are used.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "codegen/plan/cpu_strategy.h"
#include "codegen/plan/kernel_plan.h"
#include "runtime/cpu/jit.h"

namespace unstride {

class CompiledPlans {
 public:
  /// From any thread. Throws CompileError.
  std::unique_ptr<cpu::LoadedCode> get(const plan::CpuProblem& problem, const plan::KernelPlan& plan, cpu::Jit& jit);
  void clear();

 private:
  static constexpr std::size_t most = 8192;  // some ten kilobytes each

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const cpu::LoadedCode>> code_;
};

}  // namespace unstride
