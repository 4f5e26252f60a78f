// Options whose errors say what is allowed, where CLI11's own say only "could not convert".
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "unstride/engine.hpp"

namespace unstride::command {

struct IntegerRange {
  std::int64_t least = 0;
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

/// A decimal integer of that range.
CLI::Option* add_integer(CLI::App& app, const std::string& name, std::optional<std::int64_t>& value, IntegerRange range,
                         const std::string& description);

/// --target and --plan, which compile and run share.
void add_compile_options(CLI::App& app, std::string& target, std::string& plan);

/// Whether kernels of this target run on a device: "cuda", "cuda:sm_90a".
bool is_cuda(const std::string& target);

/// Throws UsageError unless the engine knows the target. Whether this machine can run it is for the engine to say.
void require_known_target(const Engine& engine, const std::string& target);

}  // namespace unstride::command
