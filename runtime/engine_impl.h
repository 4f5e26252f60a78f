// What an Engine holds.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/backend.h"
#include "runtime/kernel_table.h"

namespace unstride {

struct Engine::Impl {
  explicit Impl(const EngineOptions& options);
  Impl(const EngineOptions& options, const Environment& environment);

  /// Throws TargetError for a target of a kind that this build does not have.
  Backend& backend(std::string_view target) const;

  int threads;
  Counters counters;
  cache::LayeredCache cache;
  cache::Limits limits;
  std::shared_ptr<cuda::Libraries> cuda_libraries;
  std::unique_ptr<Backend> cpu, cuda;
  KernelTable kernels;
};

}  // namespace unstride
