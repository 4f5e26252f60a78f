#include "unstride/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "runtime/backend.h"
#include "runtime/engine_impl.h"
#include "runtime/environment.h"

namespace unstride {

namespace {

cache::LayeredOptions cache_options(const CacheOptions& options, const Environment& environment) {
  cache::LayeredOptions result;
  result.mode = cache_mode(options, environment);
  result.root = cache_directory(options, environment);
  result.bundles = bundle_paths(options, environment);
  result.trusted_keys = options.trusted_keys;
  result.xdg_runtime_dir = environment.xdg_runtime_dir;
  result.trust_foreign = options.trust_foreign;
  result.limits = {options.max_bytes, options.max_entries};
  result.lock_limit = std::chrono::milliseconds(static_cast<std::int64_t>(options.lock_timeout_s * 1000));
  result.report =
      options.log ? options.log : [](const std::string& line) { fmt::print(stderr, "unstride: {}\n", line); };
  return result;
}

}  // namespace

Engine::Impl::Impl(const EngineOptions& options) : Impl(options, read_environment()) {}

Engine::Impl::Impl(const EngineOptions& options, const Environment& environment)
    : threads(options.threads > 0 ? options.threads : default_threads()),
      cache(cache_options(options.cache, environment)),
      limits{options.cache.max_bytes, options.cache.max_entries},
      cuda_libraries(make_cuda_libraries(environment)),
      cpu(make_cpu_backend(threads, {cache, counters})),
      cuda(make_cuda_backend(cuda_libraries, {cache, counters})) {}

Backend& Engine::Impl::backend(std::string_view target) const {
  const std::string_view kind = target.substr(0, target.find(':'));
  if (kind == "cpu") {
    if (!cpu) throw TargetError("target: cpu: this build has no LLVM (UNSTRIDE_LLVM=OFF) and cannot compile for CPUs");
    return *cpu;
  }
  if (kind == "cuda") {
    if (!cuda) throw TargetError(fmt::format("target: {}: this build has no CUDA (UNSTRIDE_CUDA=OFF)", target));
    return *cuda;
  }
  throw TargetError(fmt::format("target: \"{}\": unknown; a target starts with cpu or cuda", target));
}

Engine::Engine(EngineOptions options) {
  if (options.threads < 0)
    throw ArgumentError(fmt::format("threads: {}: must be 0 (all processors) or more", options.threads));
  impl_ = std::make_shared<Impl>(options);
}

Kernel Engine::compile(const LayerSpec& spec, const CompileOptions& options) const {
  if (auto kernel = impl_->kernels.find(spec, options)) {
    ++impl_->counters.reused;
    return Kernel(std::move(kernel));
  }
  validate(spec);
  auto kernel = impl_->backend(options.target).compile(spec, options);
  impl_->kernels.insert(spec, options, kernel);
  return Kernel(std::move(kernel));
}

CompileInfo Engine::precompile(const LayerSpec& spec, const CompileOptions& options, BundleBuilder* bundle) const {
  validate(spec);
  return impl_->backend(options.target).precompile(spec, options, bundle);
}

std::string Engine::emit(const LayerSpec& spec, Emit what, const CompileOptions& options) const {
  validate(spec);
  return impl_->backend(options.target).emit(spec, what, options);
}

std::vector<TargetInfo> Engine::targets() const {
  std::vector<TargetInfo> result;
  for (Backend* backend : {impl_->cpu.get(), impl_->cuda.get()})
    if (backend) std::ranges::move(backend->targets(), std::back_inserter(result));
  return result;
}

std::vector<std::string> Engine::target_names() const {
  std::vector<std::string> result;
  for (const Backend* backend : {impl_->cpu.get(), impl_->cuda.get()})
    if (backend) std::ranges::move(backend->target_names(), std::back_inserter(result));
  return result;
}

int Engine::threads() const noexcept {
  return impl_->threads;
}

EngineStatistics Engine::statistics() const {
  const Counters& counters = impl_->counters;
  return {counters.compilations, counters.hits, counters.misses, counters.reused};
}

std::string_view version() noexcept {
  return UNSTRIDE_VERSION;
}

}  // namespace unstride
