// Weights and biases of a layer in the order in which a GPU kernel reads them, packed on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codegen/plan/gpu_strategy.h"

namespace unstride::cuda {

struct PackedLayer {
  std::vector<std::byte> weights;
  std::vector<std::byte> biases;  ///< of the arithmetic's type, one for each output channel; empty without bias
  std::int64_t non_finite = 0;    ///< weights and biases that are infinite or not a number
};

/// weight: (in_channels, out_channels/groups, kernel_size); bias: (out_channels), or null for none. Their elements are
/// of problem.spec.dtype. The plan's first tile reads the result, and all that read weights in the same order.
PackedLayer pack_weights(const plan::GpuProblem& problem, const plan::GpuPlan& plan, const void* weight,
                         const void* bias);

}  // namespace unstride::cuda
