// The bound that plans of fast math are held to on a GPU (docs/spec.md), by strict kernels on the same device.
#pragma once

#include <memory>

#include "codegen/plan/gpu_strategy.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda_subject.h"
#include "runtime/fast_math_bound.h"

namespace unstride {

/// Of a batch of one. x: (in_channels, length); parameters: weights, then the bias if the layer has one; of the layer's
/// type, on the host.
std::unique_ptr<const FastMathBound> cuda_fast_math_bound(const plan::GpuProblem& problem, CompiledCubins& code,
                                                          const std::shared_ptr<const cuda::Device>& device,
                                                          const void* x, const void* parameters, std::int64_t length);

}  // namespace unstride
