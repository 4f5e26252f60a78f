// The exported function of a kernel: walks over work items, packs panels, calls tile functions.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// Emits KernelFunction (kernel_abi.h) and everything it calls.
void emit_kernel(Emitter& emit, const plan::CpuPlan& plan);

}  // namespace unstride::cpu
