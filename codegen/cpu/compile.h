// Plan -> LLVM IR -> machine code. LLVM stays behind this door.
#pragma once

#include <string>

#include "codegen/plan/cpu_strategy.h"

namespace unstride::cpu {

enum class Output { ir, assembly, object };

/// IR and assembly are text; an object is a relocatable ELF file that defines kernel_symbol and needs nothing.
/// Throws CompileError with LLVM's message.
std::string compile(const plan::CpuProblem& problem, const plan::CpuPlan& plan, Output output);

}  // namespace unstride::cpu
