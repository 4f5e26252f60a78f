// The processor that measurements are of.
#pragma once

#include <string>

#include "codegen/plan/target.h"
#include "runtime/tuning/record.h"

namespace unstride {

/// By /proc/cpuinfo: "Name (family 6, model 143, stepping 8)".
std::string processor_name();

/// What times of code for this target depend on here.
tuning::Environment cpu_environment(const plan::CpuTarget& target);

}  // namespace unstride
