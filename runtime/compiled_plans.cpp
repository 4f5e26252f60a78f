#ifdef UNSTRIDE_WITH_LLVM

#include "runtime/compiled_plans.h"

#include <fmt/format.h>

#include "codegen/cpu/compile.h"

namespace unstride {

namespace {

struct SharedCode final : cpu::LoadedCode {
  explicit SharedCode(std::shared_ptr<const LoadedCode> code) : code_(std::move(code)) { functions = code_->functions; }

 private:
  std::shared_ptr<const LoadedCode> code_;
};

}  // namespace

std::unique_ptr<cpu::LoadedCode> CompiledPlans::get(const plan::CpuProblem& problem, const plan::KernelPlan& plan,
                                                    cpu::Jit& jit) {
  const std::string key = fmt::format("{} {} {}", problem.target.level, to_json(problem.spec), to_string(plan));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = code_.find(key); found != code_.end()) return std::make_unique<SharedCode>(found->second);
  }
  std::shared_ptr<const cpu::LoadedCode> made =
      jit.load(cpu::compile(problem, plan, cpu::Output::object), plan.variants.size());
  const std::lock_guard lock(mutex_);
  if (code_.size() >= most) code_.clear();
  return std::make_unique<SharedCode>(code_.emplace(key, std::move(made)).first->second);
}

void CompiledPlans::clear() {
  const std::lock_guard lock(mutex_);
  code_.clear();
}

}  // namespace unstride

#endif
