#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// Emits a KernelFunction (kernel_abi.h) of this name for a plan::Depthwise.
void emit_depthwise_kernel(Emitter& emit, const plan::CpuPlan& plan, const std::string& symbol);

}  // namespace unstride::cpu
