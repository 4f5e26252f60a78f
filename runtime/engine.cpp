#include "unstride/engine.hpp"

#include <fmt/format.h>

#include "runtime/backend.h"

namespace unstride {

struct Engine::Impl {
  int threads;
  std::unique_ptr<Backend> cpu;

  Backend& backend(std::string_view target) const {
    const std::string_view kind = target.substr(0, target.find(':'));
    if (kind == "cpu") {
      if (!cpu)
        throw TargetError("target: cpu: this build has no LLVM (UNSTRIDE_LLVM=OFF) and cannot compile for CPUs");
      return *cpu;
    }
    if (kind == "cuda") throw TargetError(fmt::format("target: {}: this build has no CUDA back end", target));
    throw TargetError(fmt::format("target: \"{}\": unknown; a target starts with cpu or cuda", target));
  }
};

Engine::Engine(EngineOptions options) : impl_(std::make_shared<Impl>()) {
  if (options.threads < 0)
    throw ArgumentError(fmt::format("threads: {}: must be 0 (all processors) or more", options.threads));
  impl_->threads = options.threads > 0 ? options.threads : default_threads();
  impl_->cpu = make_cpu_backend(impl_->threads);
}

Kernel Engine::compile(const LayerSpec& spec, const CompileOptions& options) const {
  validate(spec);
  return Kernel(impl_->backend(options.target).compile(spec, options));
}

std::string Engine::emit(const LayerSpec& spec, Emit what, const CompileOptions& options) const {
  validate(spec);
  return impl_->backend(options.target).emit(spec, what, options);
}

std::vector<TargetInfo> Engine::targets() const {
  return impl_->cpu ? impl_->cpu->targets() : std::vector<TargetInfo>{};
}

int Engine::threads() const noexcept {
  return impl_->threads;
}

std::string_view version() noexcept {
  return UNSTRIDE_VERSION;
}

}  // namespace unstride
