// CPU targets by name, and what this machine is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/target.h"

namespace unstride::cpu {

/// "cpu" (this machine), "cpu:x86-64-v3", "cpu:x86-64-v4". Throws TargetError for others, and for "cpu" on a machine
/// without AVX2 and FMA.
plan::CpuTarget target(std::string_view name);

/// Empty when code for this target runs on this machine, else the features that are missing.
std::string missing_features(const plan::CpuTarget& target);

/// The names that target() takes.
std::vector<std::string> target_names();

}  // namespace unstride::cpu
