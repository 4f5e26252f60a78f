// How one call is cut into work items for a number of threads.
#pragma once

#include "codegen/cpu/kernel_abi.h"
#include "codegen/plan/call_cost.h"

namespace unstride::cpu {

struct Schedule {
  std::int64_t items = 0;
  std::int64_t grain = 1;  ///< items that a thread takes at a time
  int threads = 1;         ///< that are worth using, at most those asked for
};

/// Fills in the block and chunk fields of `arguments`, whose `columns` are known. Never changes a result: items are
/// independent, and each output belongs to one.
Schedule schedule(const plan::CpuProblem& problem, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry,
                  const plan::CallCost& cost, std::int64_t batch, int threads, KernelArguments& arguments);

}  // namespace unstride::cpu
