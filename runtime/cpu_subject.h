// One layer at one length, to be tuned for this machine's CPU.
#pragma once

#include <memory>

#include "codegen/plan/cpu_strategy.h"
#include "codegen/plan/kernel_plan.h"
#include "runtime/compiled_plans.h"
#include "runtime/cpu/jit.h"
#include "runtime/cpu/thread_pool.h"
#include "runtime/tuning/subject.h"
#include "support/undisturbed.h"

namespace unstride {

struct CpuSubjectOptions {
  std::int64_t length = 0;
  bool cold = false;
};

/// `code`, `jit`, `threads` and `undisturbed`, which says when these are, outlive it. The default is what `model`
/// computes calls of this length by. Memory for x and y, and for the packed weights of each contender, is taken as
/// needed. Throws SpecError when there is no such output.
std::unique_ptr<tuning::Subject> make_cpu_subject(const plan::CpuProblem& problem, const plan::KernelPlan& model,
                                                  CompiledPlans& code, cpu::Jit& jit, cpu::ThreadPool& threads,
                                                  Undisturbed& undisturbed, const CpuSubjectOptions& options);

/// How fast the slowest of the processors that `threads` run on is just now, in any unit.
double slowest_rate(cpu::ThreadPool& threads);

}  // namespace unstride
