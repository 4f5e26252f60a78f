// Which code generator this is: what a cached object depends on besides the layer, the plan and the target.
#pragma once

#include <string>

namespace unstride::cpu {

/// SHA-256 over the sources of codegen/plan and codegen/cpu, taken when this library was built.
std::string generator_digest();

/// "19.1.7"
std::string llvm_version();

/// The build-id of the file that LLVM's code was loaded from, in hexadecimal: it tells two builds of one version apart.
/// Empty where the file has none.
std::string llvm_build_id();

}  // namespace unstride::cpu
