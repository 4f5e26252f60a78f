// The CPU compiler, from spec to callable.
#ifdef UNSTRIDE_WITH_LLVM

#include <fmt/format.h>

#include <optional>

#include "codegen/cpu/compile.h"
#include "codegen/cpu/identity.h"
#include "codegen/cpu/targets.h"
#include "codegen/plan/cpu_planner.h"
#include "runtime/backend.h"
#include "runtime/bundle_builder.h"
#include "runtime/cpu/cpu_kernel.h"
#include "runtime/cpu/thread_pool.h"
#include "runtime/cpu_subject.h"
#include "runtime/processor.h"
#include "runtime/stopwatch.h"
#include "runtime/tuned_plans.h"

namespace unstride {

namespace {

struct CpuWeights final : PackedWeights::Impl {
  cpu::PackedWeightSets layer;
};

class CpuKernelImpl final : public Kernel::Impl {
 public:
  CpuKernelImpl(cpu::CpuKernel kernel, std::shared_ptr<Executor> own_threads)
      : kernel_(std::move(kernel)), own_threads_(std::move(own_threads)) {}

  PackedWeights pack(ConstBuffer weight, ConstBuffer bias) const override {
    auto packed = std::make_shared<CpuWeights>();
    packed->layer = kernel_.pack(weight.data, bias.data);
    packed->layout = layout;
    packed->non_finite = packed->layer.non_finite();
    return PackedWeights(std::move(packed));
  }

  void run(const CheckedRun& run) const override {
    if (run.stream) throw ArgumentError("stream: is for kernels of CUDA targets; this one runs on the CPU");
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

// A layer with the decisions made, and the key that they give.
struct Planned {
  plan::CpuProblem problem;
  plan::KernelPlan plan;
  cache::Key key;
  std::string source;  ///< of the plan, as CompileInfo::plan_source
  std::vector<TunedRange> tuned = {};
  cache::LayeredCache::Result found = {};  ///< where making the decisions found it already
};

std::string target_text(const plan::CpuTarget& target) {
  return fmt::format("{} {} {}", target.triple, target.base_cpu, target.features);
}

// Everything that determines the object, and nothing else.
cache::Key object_key(const plan::CpuProblem& problem, const plan::KernelPlan& plan) {
  return cache::Key({{"kind", "cpu object"},
                     {"spec", to_json(problem.spec)},
                     {"plan", to_string(plan)},
                     {"target", target_text(problem.target)},
                     {"generator", cpu::generator_digest()},
                     {"llvm", fmt::format("{} {}", cpu::llvm_version(), cpu::llvm_build_id())},
                     {"symbol", cpu::kernel_symbol(0)}});
}

// Bundles carry the plan that was chosen where they were made: this machine may have measured less, or have other
// caches.
cache::Key plan_key(const plan::CpuProblem& problem) {
  return cache::Key({{"kind", "cpu plan"},
                     {"spec", to_json(problem.spec)},
                     {"target", target_text(problem.target)},
                     {"generator", cpu::generator_digest()}});
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(int threads, BackendContext context)
      : context_(context), tuned_(context.cache), threads_(std::make_shared<cpu::ThreadPool>(threads)) {}

  std::shared_ptr<const Kernel::Impl> compile(const LayerSpec& spec, const CompileOptions& options) override {
    Stopwatch watch;
    const Planned planned = plan_to_run(spec, options);
    CompileInfo info = describe(planned);
    cache::LayeredCache::Result object = look_up_or_build(planned, info);
    std::unique_ptr<cpu::LoadedCode> code = load(planned, object, info);
    info.code_bytes = std::ssize(object.entry->payload);
    info.load_ms = watch.lap() - info.compile_ms;

    auto kernel =
        std::make_shared<CpuKernelImpl>(cpu::CpuKernel(planned.problem, planned.plan, std::move(code)), threads_);
    kernel->spec = spec;
    kernel->default_threads = threads_->threads();
    kernel->layout = fmt::format("{} {} {}", planned.problem.lanes, info.plan, to_json(spec));
    kernel->info = std::move(info);
    return kernel;
  }

  CompileInfo precompile(const LayerSpec& spec, const CompileOptions& options, BundleBuilder* bundle) override {
    const Planned planned = plan_anywhere(spec, options);
    CompileInfo info = describe(planned);
    const cache::LayeredCache::Result object = look_up_or_build(planned, info);
    info.code_bytes = std::ssize(object.entry->payload);
    if (bundle) {
      // Without the notes, which hold times: a bundle of the same kernels is the same bytes.
      bundle->impl().add(planned.key, {.notes = {}, .payload = object.entry->payload});
      bundle->impl().add(plan_key(planned.problem), {.notes = {}, .payload = info.plan});
    }
    return info;
  }

  PlannedKey key(const LayerSpec& spec, const CompileOptions& options) override {
    const Planned planned = or_lower_level(plan_anywhere(spec, options), options, default_threads());
    return {planned.key, describe(planned)};
  }

  std::string emit(const LayerSpec& spec, Emit what, const CompileOptions& options) override {
    const Planned planned = plan_anywhere(spec, options);
    const plan::CpuProblem& problem = planned.problem;
    plan::PlanChoice choice = plan::choose_plan(problem, options.plan);
    choice.plan = planned.plan;
    switch (what) {
      case Emit::plan:
        return plan::explain(problem, choice) + chosen_by(planned.source, planned.tuned);
      case Emit::ir:
        return cpu::compile(problem, choice.plan, cpu::Output::ir);
      case Emit::assembly:
        return cpu::compile(problem, choice.plan, cpu::Output::assembly);
      case Emit::object:
        return cpu::compile(problem, choice.plan, cpu::Output::object);
      case Emit::cuda:
      case Emit::ptx:
      case Emit::cubin:
        break;
    }
    throw ArgumentError("emit: a CPU target has a plan, IR, assembly and an object; the rest is for CUDA targets");
  }

  std::vector<std::string> target_names() const override {
    const auto names = cpu::target_names();
    return {names.begin(), names.end()};
  }

  Tunable tunable(const LayerSpec& spec, const TunableOptions& options) override {
    const plan::CpuProblem problem(spec, runnable_target(options.target, spec.math));
    const plan::KernelPlan model = plan::choose_plan(problem).plan;
    return {{.layer = to_json(spec),
             .target = target_text(problem.target),
             .length = options.length,
             .threads = threads_->threads(),
             .cold = options.cold,
             .environment = cpu_environment(problem.target)},
            make_cpu_subject(problem, model, tuned_code_, jit_, *threads_, undisturbed_,
                             {.length = options.length, .cold = options.cold})};
  }

  void reload_tuned_plans() override {
    tuned_.reload();
    tuned_code_.clear();
  }

  std::vector<TargetInfo> targets() override {
    std::vector<TargetInfo> result;
    for (const std::string& name : cpu::target_names()) {
      TargetInfo info{.name = name, .description = {}, .compiles = true, .runs = true};
      try {
        const plan::CpuTarget target = cpu::target(name, name == "cpu" ? Math::strict : Math::fast);
        const std::string missing = cpu::missing_features(target);
        info.runs = missing.empty();
        info.description = missing.empty() ? properties(target) : fmt::format("this processor lacks {}", missing);
      } catch (const TargetError& error) {
        info.compiles = info.runs = false;
        info.description = error.what();
      }
      result.push_back(std::move(info));
    }
    return result;
  }

 private:
  // By the plan that is demanded, else a bundle's, else the model's with what was measured laid over it.
  Planned plan_layer(const LayerSpec& spec, const plan::CpuTarget& target, std::string_view wanted, int threads) {
    plan::CpuProblem problem(spec, target);
    std::optional<plan::KernelPlan> bundled = bundled_plan(problem, wanted);
    std::string source = bundled ? "bundle" : wanted.empty() ? "model" : "given";
    tuning::TunedPlan plan{bundled ? *std::move(bundled) : plan::choose_plan(problem, wanted).plan, {}};
    if (source == "model") plan = tuned_.find(problem, std::move(plan.plan), target_text(target), threads);
    if (!plan.ranges.empty()) source = "tuning";
    cache::Key key = object_key(problem, plan.plan);
    return {std::move(problem), std::move(plan.plan), std::move(key), std::move(source), public_ranges(plan.ranges)};
  }

  // For a machine like this that uses all its processors: however many threads compile.
  Planned plan_anywhere(const LayerSpec& spec, const CompileOptions& options) {
    return plan_layer(spec, cpu::target(options.target, spec.math), options.plan, default_threads());
  }

  Planned plan_to_run(const LayerSpec& spec, const CompileOptions& options) {
    const int threads = threads_->threads();
    Planned best = plan_layer(spec, runnable_target(options.target, spec.math), options.plan, threads);
    const std::string level = best.problem.target.level;
    Planned planned = or_lower_level(std::move(best), options, threads);
    if (planned.problem.target.level != level)
      context_.cache.say_once(
          level, fmt::format("mode require: no kernel for {}, which this machine has: one for {} is used, which is "
                             "slower; add 'unstride precompile --target cpu:{}'",
                             level, planned.problem.target.level, level));
    return planned;
  }

  // Under mode require, "cpu" stands for the best level that the cache has this layer for: a kernel of a lower one is
  // slower, but gives the same bits, and whoever made the bundle may not have thought of this machine.
  Planned or_lower_level(Planned best, const CompileOptions& options, int threads) {
    if (options.target != "cpu" || context_.cache.mode() != CacheMode::require) return best;
    best.found = context_.cache.find(best.key);
    if (best.found.entry) return best;
    const LayerSpec& spec = best.problem.spec;
    for (const std::string& name : cpu::target_names()) {
      const plan::CpuTarget target = cpu::target(name, spec.math);
      if (target.level == best.problem.target.level || !cpu::missing_features(target).empty()) continue;
      Planned lower = plan_layer(spec, target, options.plan, threads);
      lower.found = context_.cache.find(lower.key);
      if (lower.found.entry) return lower;
    }
    return best;
  }

  // A plan that a bundle brings, where none is demanded and if this version can still compile it.
  std::optional<plan::KernelPlan> bundled_plan(const plan::CpuProblem& problem, std::string_view wanted) const {
    if (!wanted.empty() || context_.cache.bundles().empty()) return {};
    const auto entry = context_.cache.find_in_bundles(plan_key(problem));
    if (!entry) return {};
    try {
      return plan::choose_plan(problem, entry->payload).plan;
    } catch (const ArgumentError&) {
      return {};
    }
  }

  cache::LayeredCache::Result look_up_or_build(const Planned& planned, CompileInfo& info) {
    cache::LayeredCache::Result result =
        planned.found.entry ? planned.found : context_.cache.get(planned.key, [&] { return build(planned, info); });
    const bool off = context_.cache.mode() == CacheMode::off;
    info.cache = off ? "off" : result.hit ? "hit" : "miss";
    info.cache_where = result.where;
    ++(result.hit ? context_.counters.hits : context_.counters.misses);
    return result;
  }

  cache::Entry build(const Planned& planned, CompileInfo& info) {
    Stopwatch watch;
    ++context_.counters.compilations;
    cache::Entry entry;
    entry.payload = cpu::compile(planned.problem, planned.plan, cpu::Output::object);
    info.compile_ms = watch.lap();
    entry.notes = {{"compile_ms", fmt::format("{:.3f}", info.compile_ms)}};
    return entry;
  }

  // An object from the cache that the linker rejects is a miss like any other: compiled again, once, and from the cache
  // in later processes.
  std::unique_ptr<cpu::LoadedCode> load(const Planned& planned, cache::LayeredCache::Result& object,
                                        CompileInfo& info) {
    try {
      return jit_.load(object.entry->payload, planned.plan.variants.size());
    } catch (const CompileError& error) {
      if (!object.hit || context_.cache.mode() == CacheMode::require) throw;
      context_.cache.reject(planned.key, error.what());
    }
    Planned again = planned;
    again.found = {};
    object = look_up_or_build(again, info);
    return jit_.load(object.entry->payload, planned.plan.variants.size());
  }

  static CompileInfo describe(const Planned& planned) {
    CompileInfo info;
    info.target = describe(planned.problem.target);
    info.plan = to_string(planned.plan);
    info.plan_source = planned.source;
    info.tuned = planned.tuned;
    return info;
  }

  static std::string properties(const plan::CpuTarget& target) {
    return fmt::format("{}, {}-bit vectors, LLVM {}", target.level, target.vector_bytes * 8, cpu::llvm_version());
  }

  static std::string describe(const plan::CpuTarget& target) {
    return fmt::format("{} ({})", target.name, properties(target));
  }

  static plan::CpuTarget runnable_target(std::string_view name, Math math) {
    plan::CpuTarget target = cpu::target(name, math);
    if (const std::string missing = cpu::missing_features(target); !missing.empty())
      throw TargetError(fmt::format("target: {}: code for it cannot run here: this processor lacks {}", name, missing));
    return target;
  }

  BackendContext context_;
  TunedPlans tuned_;
  cpu::Jit jit_;
  CompiledPlans tuned_code_;
  std::shared_ptr<cpu::ThreadPool> threads_;
  Undisturbed undisturbed_{[this] { return slowest_rate(*threads_); }};  // for tuning
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(int threads, BackendContext context) {
  return std::make_unique<CpuBackend>(threads, context);
}
int default_threads() {
  return cpu::available_processors();
}

}  // namespace unstride

#else

#include <algorithm>
#include <thread>

#include "runtime/backend.h"

namespace unstride {

std::unique_ptr<Backend> make_cpu_backend(int, BackendContext) {
  return nullptr;
}
int default_threads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace unstride

#endif
