// Prologue and epilogue, with the same operations as on a CPU (codegen/cpu/emitter.cpp) and so the same bits.
#pragma once

#include "templates/cuda/device.h"
#include "templates/cuda/layer.h"

namespace unstride::gpu {

/// A NaN stays one: no comparison holds for it.
template <Activation activation, typename T>
__device__ __forceinline__ T activated(T value) {
  if constexpr (activation.function == Function::relu)
    return value <= T{0} ? T{0} : value;
  else if constexpr (activation.function == Function::leaky_relu)
    return value <= T{0} ? value * static_cast<T>(activation.negative_slope) : value;
  else
    return value;
}

/// Whether +0 becomes +0, so that an input beyond the ends needs no care: a negative slope gives -0.
UNSTRIDE_HOST_DEVICE constexpr bool keeps_zero(const Activation& activation) {
  return activation.function != Function::leaky_relu || activation.negative_slope > 0;
}

}  // namespace unstride::gpu
