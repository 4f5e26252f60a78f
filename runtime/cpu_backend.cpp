// The CPU compiler, from spec to callable.
#ifdef UNSTRIDE_WITH_LLVM

#include <fmt/format.h>

#include <chrono>

#include "codegen/cpu/compile.h"
#include "codegen/cpu/targets.h"
#include "codegen/plan/cpu_planner.h"
#include "runtime/backend.h"
#include "runtime/cpu/cpu_kernel.h"
#include "runtime/cpu/thread_pool.h"

namespace unstride {

namespace {

class Stopwatch {
 public:
  /// Milliseconds since construction or the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double, std::milli> elapsed = now - start_;
    start_ = now;
    return elapsed.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct CpuWeights final : PackedWeights::Impl {
  cpu::PackedLayer layer;
};

class CpuKernelImpl final : public Kernel::Impl {
 public:
  CpuKernelImpl(cpu::CpuKernel kernel, std::shared_ptr<Executor> own_threads)
      : kernel_(std::move(kernel)), own_threads_(std::move(own_threads)) {}

  PackedWeights pack(ConstBuffer weight, ConstBuffer bias) const override {
    auto packed = std::make_shared<CpuWeights>();
    packed->layer = kernel_.pack(weight.data, bias.data);
    packed->layout = layout;
    packed->non_finite = packed->layer.non_finite;
    return PackedWeights(std::move(packed));
  }

  void run(const CheckedRun& run) const override {
    kernel_.run({.x = run.x.data,
                 .weights = static_cast<const CpuWeights&>(run.weights).layer,
                 .y = run.y.data,
                 .batch = run.batch,
                 .input_length = run.input_length,
                 .output_length = run.output_length,
                 .x_pitch = run.input_pitch,
                 .y_pitch = run.output_pitch,
                 .threads = run.threads,
                 .executor = run.executor ? run.executor : own_threads_.get()});
  }

 private:
  cpu::CpuKernel kernel_;
  std::shared_ptr<Executor> own_threads_;
};

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(int threads) : threads_(std::make_shared<cpu::ThreadPool>(threads)) {}

  std::shared_ptr<const Kernel::Impl> compile(const LayerSpec& spec, const CompileOptions& options) override {
    Stopwatch watch;
    const plan::CpuProblem problem(spec, runnable_target(options.target));
    const plan::CpuPlan plan = plan::choose_plan(problem, options.plan).plan;
    const std::string object = cpu::compile(problem, plan, cpu::Output::object);
    const double compile_ms = watch.lap();
    auto code = jit_.load(object);
    const double load_ms = watch.lap();

    auto kernel = std::make_shared<CpuKernelImpl>(cpu::CpuKernel(problem, plan, std::move(code)), threads_);
    kernel->spec = spec;
    kernel->default_threads = threads_->threads();
    kernel->layout = fmt::format("{} {} {}", problem.lanes, to_string(plan), to_json(spec));
    kernel->info = {.target = describe(problem.target),
                    .plan = to_string(plan),
                    .cache = "off",
                    .compile_ms = compile_ms,
                    .load_ms = load_ms,
                    .code_bytes = static_cast<std::int64_t>(object.size())};
    return kernel;
  }

  std::string emit(const LayerSpec& spec, Emit what, const CompileOptions& options) override {
    const plan::CpuProblem problem(spec, cpu::target(options.target));
    const plan::PlanChoice choice = plan::choose_plan(problem, options.plan);
    switch (what) {
      case Emit::plan:
        return plan::explain(problem, choice);
      case Emit::ir:
        return cpu::compile(problem, choice.plan, cpu::Output::ir);
      case Emit::assembly:
        return cpu::compile(problem, choice.plan, cpu::Output::assembly);
      case Emit::object:
        return cpu::compile(problem, choice.plan, cpu::Output::object);
    }
    throw ArgumentError("emit: unknown kind of output");
  }

  std::vector<TargetInfo> targets() override {
    std::vector<TargetInfo> result;
    for (const std::string& name : cpu::target_names()) {
      TargetInfo info{.name = name, .description = {}, .compiles = true, .runs = true};
      try {
        const plan::CpuTarget target = cpu::target(name);
        const std::string missing = cpu::missing_features(target);
        info.runs = missing.empty();
        info.description = missing.empty() ? describe(target) : fmt::format("this processor lacks {}", missing);
      } catch (const TargetError& error) {
        info.compiles = info.runs = false;
        info.description = error.what();
      }
      result.push_back(std::move(info));
    }
    return result;
  }

 private:
  static std::string describe(const plan::CpuTarget& target) {
    return fmt::format("{} ({}, {}-bit vectors, LLVM {})", target.name, target.base_cpu, target.vector_bytes * 8,
                       cpu::llvm_version());
  }

  static plan::CpuTarget runnable_target(std::string_view name) {
    plan::CpuTarget target = cpu::target(name);
    if (const std::string missing = cpu::missing_features(target); !missing.empty())
      throw TargetError(fmt::format("target: {}: code for it cannot run here: this processor lacks {}", name, missing));
    return target;
  }

  cpu::Jit jit_;
  std::shared_ptr<cpu::ThreadPool> threads_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(int threads) {
  return std::make_unique<CpuBackend>(threads);
}
int default_threads() {
  return cpu::available_processors();
}

}  // namespace unstride

#else

#include "runtime/backend.h"

namespace unstride {

std::unique_ptr<Backend> make_cpu_backend(int) {
  return nullptr;
}
int default_threads() {
  return 1;
}

}  // namespace unstride

#endif
