// The CUDA compiler, from spec to callable.
//
// The cache's key of a kernel holds its final source, so that making the source is all that a hit costs. A bundle
// brings the plan and the compiler's name along: with those the key is known on a machine that has no NVRTC at all.
#ifdef UNSTRIDE_WITH_CUDA

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "codegen/cuda/source.h"
#include "codegen/plan/gpu_planner.h"
#include "runtime/backend.h"
#include "runtime/bundle_builder.h"
#include "runtime/cuda/cuda_kernel.h"
#include "runtime/cuda/libraries.h"
#include "runtime/cuda/resource_usage.h"
#include "runtime/cuda_subject.h"
#include "runtime/stopwatch.h"
#include "runtime/tuned_plans.h"

namespace unstride {

namespace {

// -fmad=false: products and sums are fused where the source says so and nowhere else.
const std::vector<std::string> compile_options = {"--std=c++20", "-fmad=false", "--ptxas-options=-v"};

struct CudaWeights final : PackedWeights::Impl {
  std::shared_ptr<const cuda::DeviceWeights> layer;
};

class CudaKernelImpl final : public Kernel::Impl {
 public:
  explicit CudaKernelImpl(std::unique_ptr<const cuda::CudaKernel> kernel) : kernel_(std::move(kernel)) {}

  PackedWeights pack(ConstBuffer weight, ConstBuffer bias) const override {
    auto packed = std::make_shared<CudaWeights>();
    packed->layer = kernel_->pack(weight.data, bias.data);
    packed->layout = layout;
    packed->non_finite = packed->layer->non_finite;
    return PackedWeights(std::move(packed));
  }

  void run(const CheckedRun& run) const override {
    kernel_->run({.x = run.x.data,
                  .weights = *static_cast<const CudaWeights&>(run.weights).layer,
                  .y = run.y.data,
                  .batch = run.batch,
                  .input_length = run.input_length,
                  .output_length = run.output_length,
                  .x_pitch = run.input_pitch,
                  .y_pitch = run.output_pitch,
                  .stream = run.stream,
                  .workspace = run.workspace.data,
                  .workspace_bytes = run.workspace.bytes});
  }

  std::int64_t workspace_bytes(std::int64_t batch, std::int64_t output_length) const override {
    return kernel_->workspace_bytes(batch, output_length);
  }

 private:
  std::unique_ptr<const cuda::CudaKernel> kernel_;
};

// A layer with the decisions made, and the key that they give.
struct Planned {
  plan::GpuProblem problem;
  plan::GpuPlan plan;
  std::string source;
  std::string compiler;  ///< its version and build
  cache::Key key;
  std::string plan_source;  ///< as CompileInfo has it
  std::vector<TunedRange> tuned = {};
};

struct BundledPlan {
  plan::GpuPlan plan;
  std::string compiler;
};

std::string compiler_of(const cuda::Nvrtc& nvrtc) {
  return fmt::format("nvrtc {} {}", nvrtc.version(), nvrtc.build_id());
}

// Everything that determines the cubin, and nothing else. Spec and plan are in the source's banner too; as fields they
// can be read, and compared.
cache::Key cubin_key(const plan::GpuProblem& problem, const plan::GpuPlan& plan, const std::string& source,
                     const std::string& compiler) {
  return cache::Key({{"kind", problem.target.is_ptx ? "cuda ptx" : "cuda cubin"},
                     {"spec", to_json(problem.spec)},
                     {"plan", to_string(plan)},
                     {"target", std::string(problem.target.arch)},
                     {"source", source},
                     {"headers", std::string(cuda::header_digest())},
                     {"compiler", compiler},
                     {"options", fmt::format("{}", fmt::join(compile_options, " "))},
                     {"symbol", cuda::kernel_symbol(0)}});
}

cache::Key plan_key(const plan::GpuProblem& problem) {
  return cache::Key({{"kind", "cuda plan"},
                     {"spec", to_json(problem.spec)},
                     {"target", std::string(problem.target.arch)},
                     {"headers", std::string(cuda::header_digest())}});
}

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::shared_ptr<cuda::Libraries> libraries, BackendContext context)
      : libraries_(std::move(libraries)), context_(context), tuned_(context.cache) {}

  std::shared_ptr<const Kernel::Impl> compile(const LayerSpec& spec, const CompileOptions& options) override {
    Stopwatch watch;
    const auto device = libraries_->device(options.device);
    const Planned planned = plan_layer(spec, runnable_target(options.target, device->properties()), options);
    CompileInfo info;
    auto kernel = std::make_shared<CudaKernelImpl>(load(planned, device, info));
    info.load_ms = watch.lap() - info.compile_ms;

    kernel->spec = spec;
    kernel->layout =
        fmt::format("cuda {} {} {}", options.device, plan::weight_layout(planned.problem, planned.plan), to_json(spec));
    kernel->info = std::move(info);
    return kernel;
  }

  CompileInfo precompile(const LayerSpec& spec, const CompileOptions& options, BundleBuilder* bundle) override {
    const Planned planned = plan_layer(spec, target(options), options);
    CompileInfo info;
    const cache::LayeredCache::Result cubin = look_up_or_build(planned, info);
    if (bundle) {
      // Without the notes, which hold times: a bundle of the same kernels is the same bytes.
      bundle->impl().add(planned.key, {.notes = {}, .payload = cubin.entry->payload});
      bundle->impl().add(plan_key(planned.problem), {.notes = {}, .payload = info.plan + "\n" + planned.compiler});
    }
    return info;
  }

  PlannedKey key(const LayerSpec& spec, const CompileOptions& options) override {
    const Planned planned = plan_layer(spec, target(options), options);
    return {planned.key, describe(planned)};
  }

  std::string emit(const LayerSpec& spec, Emit what, const CompileOptions& options) override {
    const plan::GpuProblem problem(spec, target(options));
    const Chosen chosen = choose(problem, options);
    plan::GpuPlanChoice choice = plan::choose_gpu_plan(problem, options.plan);
    choice.plan = chosen.plan;
    switch (what) {
      case Emit::plan:
        return plan::explain(problem, choice) + chosen_by(chosen.source, chosen.tuned);
      case Emit::cuda:
        return cuda::generate(problem, choice.plan);
      case Emit::ptx:
        return compile(problem, cuda::generate(problem, choice.plan), cuda::CodeKind::ptx).code;
      case Emit::cubin:
        if (problem.target.is_ptx)
          throw ArgumentError(fmt::format("emit: {} has PTX and no cubin, which the driver of each device makes of it",
                                          problem.target.name));
        return compile(problem, cuda::generate(problem, choice.plan), cuda::CodeKind::cubin).code;
      case Emit::ir:
      case Emit::assembly:
      case Emit::object:
        break;
    }
    throw ArgumentError("emit: a CUDA target has a plan, CUDA C++, PTX and a cubin; the rest is for CPU targets");
  }

  std::vector<std::string> target_names() const override {
    std::vector<std::string> names = {"cuda"};
    for (const std::span<const plan::GpuTarget> all : {plan::gpu_targets(), plan::ptx_targets()})
      for (const plan::GpuTarget& target : all) names.emplace_back(target.name);
    return names;
  }

  std::vector<TargetInfo> targets() override;

  Tunable tunable(const LayerSpec& spec, const TunableOptions& options) override;

  int measuring_processors(int) const override { return 1; }

  void reload_tuned_plans() override {
    tuned_.reload();
    tuned_code_.clear();
  }

 private:
  // "cuda" is what the device runs; anything else is the row of that name, whatever devices there are.
  plan::GpuTarget target(const CompileOptions& options) const {
    if (options.target != "cuda") return named_target(options.target);
    return native_target(libraries_->device(options.device)->properties());
  }

  plan::GpuTarget named_target(std::string_view name) const {
    if (const plan::GpuTarget* found = plan::gpu_target(name)) return *found;
    throw TargetError(fmt::format("target: {}: must be one of {}", name, fmt::join(target_names(), ", ")));
  }

  static plan::GpuTarget native_target(const cuda::DeviceProperties& device) {
    if (const plan::GpuTarget* found = plan::gpu_target_for(device.major, device.minor)) return *found;
    throw TargetError(
        fmt::format("target: cuda: device {} ({}) has compute capability {}.{}, for which this version has "
                    "no code",
                    device.index, device.name, device.major, device.minor));
  }

  plan::GpuTarget runnable_target(std::string_view name, const cuda::DeviceProperties& device) const {
    if (name == "cuda") return native_target(device);
    const plan::GpuTarget target = named_target(name);
    if (!plan::runs_on(target, device.major, device.minor))
      throw TargetError(
          fmt::format("target: {}: code for it cannot run here: device {} ({}) has compute capability "
                      "{}.{}",
                      name, device.index, device.name, device.major, device.minor));
    return target;
  }

  struct Chosen {
    plan::GpuPlan plan;
    std::string source;  ///< as CompileInfo::plan_source
    std::vector<TunedRange> tuned = {};
    std::optional<std::string> compiler = {};  ///< that a bundle has the kernel by
  };

  // The plan that is demanded, else a bundle's, else the model's with what was measured laid over it.
  Chosen choose(const plan::GpuProblem& problem, const CompileOptions& options) {
    if (std::optional<BundledPlan> bundled = bundled_plan(problem, options.plan))
      return {std::move(bundled->plan), "bundle", {}, std::move(bundled->compiler)};
    plan::GpuPlan plan = plan::choose_gpu_plan(problem, options.plan).plan;
    if (!options.plan.empty()) return {std::move(plan), "given"};
    tuning::TunedGpuPlan tuned =
        tuned_.find(problem, std::move(plan), [&] { return environment(problem.target, options.device); });
    return {std::move(tuned.plan), tuned.ranges.empty() ? "model" : "tuning", public_ranges(tuned.ranges, true)};
  }

  Planned plan_layer(const LayerSpec& spec, const plan::GpuTarget& target, const CompileOptions& options) {
    plan::GpuProblem problem(spec, target);
    Chosen chosen = choose(problem, options);
    std::string source = cuda::generate(problem, chosen.plan);
    std::string compiler;
    if (chosen.compiler && context_.cache.find_in_bundles(cubin_key(problem, chosen.plan, source, *chosen.compiler)))
      compiler = *std::move(chosen.compiler);
    else
      compiler = compiler_of(libraries_->nvrtc());
    cache::Key key = cubin_key(problem, chosen.plan, source, compiler);
    return {problem,        std::move(chosen.plan),   std::move(source),      std::move(compiler),
            std::move(key), std::move(chosen.source), std::move(chosen.tuned)};
  }

  // What measurements are compared by. Neither a device nor a compiler is needed to look them up.
  tuning::Environment environment(const plan::GpuTarget& target, int index) {
    const cuda::DeviceProperties* device = nullptr;
    try {
      const auto& devices = libraries_->driver().devices();
      const auto found = std::ranges::find(devices, index, &cuda::DeviceProperties::index);
      if (found != devices.end() && found->error.empty() && plan::runs_on(target, found->major, found->minor))
        device = &*found;
    } catch (const TargetError&) {  // there is no driver
    }
    std::string compiler = "unknown";
    try {
      compiler = compiler_of(libraries_->nvrtc());
    } catch (const TargetError&) {  // there is no NVRTC
    }
    return cuda_environment(device, compiler);
  }

  // What a bundle brings, where no plan is demanded, if this version can still compile it. In the modes that compile
  // whatever is there, the compiler that is here counts.
  std::optional<BundledPlan> bundled_plan(const plan::GpuProblem& problem, std::string_view wanted) const {
    const CacheMode mode = context_.cache.mode();
    if (!wanted.empty() || mode == CacheMode::refresh || mode == CacheMode::verify || context_.cache.bundles().empty())
      return {};
    const auto entry = context_.cache.find_in_bundles(plan_key(problem));
    if (!entry) return {};
    const std::size_t line = entry->payload.find('\n');
    if (line == std::string::npos) return {};
    try {
      return BundledPlan{plan::choose_gpu_plan(problem, std::string_view(entry->payload).substr(0, line)).plan,
                         entry->payload.substr(line + 1)};
    } catch (const ArgumentError&) {
      return {};
    }
  }

  cache::LayeredCache::Result look_up_or_build(const Planned& planned, CompileInfo& info) {
    info = describe(planned);
    cache::LayeredCache::Result result = context_.cache.get(planned.key, [&] { return build(planned, info); });
    const bool off = context_.cache.mode() == CacheMode::off;
    info.cache = off ? "off" : result.hit ? "hit" : "miss";
    info.cache_where = result.where;
    info.code_bytes = std::ssize(result.entry->payload);
    ++(result.hit ? context_.counters.hits : context_.counters.misses);
    return result;
  }

  static cuda::CodeKind loadable(const plan::GpuTarget& target) {
    return target.is_ptx ? cuda::CodeKind::ptx : cuda::CodeKind::cubin;
  }
  cuda::NvrtcResult compile(const plan::GpuProblem& problem, const std::string& source, cuda::CodeKind kind) const {
    std::vector<cuda::NamedText> headers;
    for (const cuda::Header& header : cuda::headers()) headers.push_back({header.name, header.text});
    return libraries_->nvrtc().compile({.source = source,
                                        .headers = headers,
                                        .architecture = std::string(problem.target.arch),
                                        .options = compile_options,
                                        .kind = kind});
  }

  cache::Entry build(const Planned& planned, CompileInfo& info) {
    Stopwatch watch;
    ++context_.counters.compilations;
    cuda::NvrtcResult made = compile(planned.problem, planned.source, loadable(planned.problem.target));
    info.compile_ms = watch.lap();
    cache::Entry entry;
    entry.payload = std::move(made.code);
    entry.notes = {{"compile_ms", fmt::format("{:.3f}", info.compile_ms)}};
    for (const cuda::ResourceUsage& usage : cuda::resource_usage(made.log))
      entry.notes.push_back({usage.kernel, fmt::format("{} registers, {} bytes spilled", usage.registers,
                                                       usage.spill_stores + usage.spill_loads)});
    return entry;
  }

  // A cubin from the cache that the driver rejects is a miss like any other: what the compiler that is here makes of
  // the same plan takes its place, in this process and, from the cache, in later ones.
  std::unique_ptr<const cuda::CudaKernel> load(const Planned& planned,
                                               const std::shared_ptr<const cuda::Device>& device, CompileInfo& info) {
    const auto make = [&](const cache::LayeredCache::Result& cubin) {
      return std::make_unique<cuda::CudaKernel>(planned.problem, planned.plan, device, cubin.entry->payload);
    };
    const cache::LayeredCache::Result found = look_up_or_build(planned, info);
    std::string rejection;
    try {
      return make(found);
    } catch (const CompileError& error) {
      if (!found.hit || context_.cache.mode() == CacheMode::require) throw;
      context_.cache.reject(planned.key, error.what());
      rejection = fmt::format("the entry in {} cannot be used: {}", found.where, error.what());
    }
    const auto with_rejection = [&](const Error& error) { return fmt::format("{}\n{}", error.what(), rejection); };
    try {
      Planned here = planned;
      here.compiler = compiler_of(libraries_->nvrtc());
      here.key = cubin_key(here.problem, here.plan, here.source, here.compiler);
      return make(look_up_or_build(here, info));
    } catch (const TargetError& error) {
      throw TargetError(with_rejection(error));
    } catch (const CompileError& error) {
      throw CompileError(with_rejection(error));
    } catch (const Error& error) {
      throw Error(with_rejection(error));
    }
  }

  static CompileInfo describe(const Planned& planned) {
    CompileInfo info;
    info.target =
        fmt::format("{} ({})", planned.problem.target.name, planned.compiler.substr(0, planned.compiler.rfind(' ')));
    info.plan = to_string(planned.plan);
    info.plan_source = planned.plan_source;
    info.tuned = planned.tuned;
    return info;
  }

  std::shared_ptr<cuda::Libraries> libraries_;
  BackendContext context_;
  TunedPlans tuned_;
  CompiledCubins tuned_code_{[this](const plan::GpuProblem& problem, const plan::GpuPlan& plan) {
    return compile(problem, cuda::generate(problem, plan), loadable(problem.target)).code;
  }};
};

// Only a device that runs the code can say how fast it is.
Tunable CudaBackend::tunable(const LayerSpec& spec, const TunableOptions& options) {
  std::shared_ptr<const cuda::Device> device;
  std::optional<plan::GpuTarget> target;
  try {
    device = libraries_->device(0);
    target = runnable_target(options.target, device->properties());
  } catch (const TargetError& error) {
    throw TargetError(fmt::format("target: {}: tuning measures, so it needs the device that the code is for: {}",
                                  options.target, error.what()));
  }
  const plan::GpuProblem problem(spec, *target);
  return {{.layer = to_json(spec),
           .target = std::string(target->name),
           .length = options.length,
           .threads = threads_of_gpu,
           .cold = options.cold,
           .environment = cuda_environment(&device->properties(), compiler_of(libraries_->nvrtc()))},
          make_cuda_subject(problem, plan::choose_gpu_plan(problem).plan, tuned_code_, device,
                            libraries_->clocks(device->properties()),
                            {.length = options.length, .cold = options.cold, .builders = default_threads()})};
}

std::vector<TargetInfo> CudaBackend::targets() {
  std::vector<int> known;
  std::vector<cuda::DeviceProperties> devices;
  std::string compiler, no_driver;
  try {
    known = libraries_->nvrtc().architectures();
    compiler = "NVRTC " + libraries_->nvrtc().version();
  } catch (const TargetError&) {
    compiler = "NVRTC was not found";
  }
  try {
    devices = libraries_->driver().devices();
  } catch (const TargetError&) {
    no_driver = ", no driver";
  }
  std::vector<TargetInfo> result;
  TargetInfo native{.name = "cuda", .description = "no GPU was found" + no_driver, .compiles = false, .runs = false};
  if (!devices.empty() && !devices[0].error.empty()) {
    native.description = "device 0 does not answer: " + devices[0].error;
  } else if (!devices.empty()) {
    const plan::GpuTarget* target = plan::gpu_target_for(devices[0].major, devices[0].minor);
    native.description = fmt::format("{}, {}", devices[0].name, target ? target->arch : "no code for it");
    native.runs = target != nullptr;
    native.compiles = target && std::ranges::count(known, target->compute_capability) > 0;
  }
  result.push_back(std::move(native));
  for (const std::span<const plan::GpuTarget> all : {plan::gpu_targets(), plan::ptx_targets()})
    for (const plan::GpuTarget& target : all) {
      TargetInfo info{.name = std::string(target.name), .description = compiler};
      info.compiles = std::ranges::count(known, target.compute_capability) > 0;
      info.runs = std::ranges::any_of(
          devices, [&](const auto& device) { return plan::runs_on(target, device.major, device.minor); });
      if (!info.compiles && !known.empty()) info.description += " has no code for it";
      result.push_back(std::move(info));
    }
  return result;
}

}  // namespace

std::shared_ptr<cuda::Libraries> make_cuda_libraries(const Environment& environment) {
  cuda::LibraryPlaces places{.nvrtc = environment.nvrtc,
                             .driver = environment.cuda_driver,
                             .nvml = environment.nvml,
                             .home = environment.home};
  for (const std::string& toolkit : {environment.cuda_home, environment.cuda_path})
    if (!toolkit.empty()) places.toolkits.push_back(toolkit);
  for (const std::string& prefix : {environment.virtual_env, environment.conda_prefix})
    if (!prefix.empty()) places.python_prefixes.push_back(prefix);
  return std::make_shared<cuda::Libraries>(std::move(places));
}

std::unique_ptr<Backend> make_cuda_backend(std::shared_ptr<cuda::Libraries> libraries, BackendContext context) {
  return std::make_unique<CudaBackend>(std::move(libraries), context);
}

}  // namespace unstride

#else

#include "runtime/backend.h"

namespace unstride {

std::shared_ptr<cuda::Libraries> make_cuda_libraries(const Environment&) {
  return nullptr;
}
std::unique_ptr<Backend> make_cuda_backend(std::shared_ptr<cuda::Libraries>, BackendContext) {
  return nullptr;
}

}  // namespace unstride

#endif
