// What an Engine holds.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/backend.h"
#include "runtime/kernel_table.h"

namespace unstride {

struct Engine::Impl {
  explicit Impl(const EngineOptions& options);

  /// Throws TargetError for a target of a kind that this build does not have.
  Backend& backend(std::string_view target) const;

  int threads;
  Counters counters;
  cache::LayeredCache cache;
  cache::Limits limits;
  std::unique_ptr<Backend> cpu;
  KernelTable kernels;
};

}  // namespace unstride
