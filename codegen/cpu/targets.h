// CPU targets by name, and what this machine is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/target.h"
#include "unstride/spec.hpp"

namespace unstride::cpu {

/// "cpu" (this machine), or "cpu:" and a level of target_names(). A level's matrix unit is part of the target under
/// fast math alone: strict kernels are those of the level without. Throws TargetError for other names, and for "cpu" on
/// a machine without AVX2 and FMA.
plan::CpuTarget target(std::string_view name, Math math = Math::strict);

/// Empty when code for this target runs on this machine, else the features that are missing.
std::string missing_features(const plan::CpuTarget& target);

/// The names that target() takes.
std::vector<std::string> target_names();

}  // namespace unstride::cpu
