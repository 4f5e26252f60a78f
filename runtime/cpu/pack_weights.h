// Weights and biases of a layer in the order in which a kernel reads them (plan::WeightLayout).
#pragma once

#include <cstdint>

#include "codegen/plan/cpu_strategy.h"
#include "runtime/cpu/aligned_buffer.h"

namespace unstride::cpu {

struct PackedLayer {
  AlignedBuffer weights, biases;
  std::int64_t non_finite = 0;  ///< weights and biases that are infinite or not a number
};

/// weight: (in_channels, out_channels/groups, kernel_size); bias: (out_channels), or null for none. Their elements are
/// of problem.spec.dtype.
PackedLayer pack_weights(const plan::CpuProblem& problem, const plan::WeightLayout& layout, const void* weight,
                         const void* bias);

/// One tile's weights, [input channel][tap][row], as fast math reads them (pack_parts.cpp).
void pack_tile_parts(const plan::WeightLayout& layout, const plan::RowRun& run, const float* weights, void* packed);

}  // namespace unstride::cpu
