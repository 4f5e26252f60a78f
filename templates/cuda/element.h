// Elements of x and y, and the sums that they become: widening is exact, rounding is to the nearest, ties to even.
#pragma once

#include "templates/cuda/device.h"
#include "templates/cuda/layer.h"

namespace unstride::gpu {

template <Element element>
struct ElementTypes {  // of the 16-bit types: their bits
  using Stored = unsigned short;
  using Sum = float;
};
template <>
struct ElementTypes<Element::float32> {
  using Stored = float;
  using Sum = float;
};
template <>
struct ElementTypes<Element::float64> {
  using Stored = double;
  using Sum = double;
};

/// As it lies in memory.
template <Element element>
using Stored = typename ElementTypes<element>::Stored;
/// The type of the arithmetic.
template <Element element>
using Sum = typename ElementTypes<element>::Sum;

template <Element element>
__device__ __forceinline__ Sum<element> widened(Stored<element> value) {
  if constexpr (element == Element::float16)
    return float_of_float16(value);
  else if constexpr (element == Element::bfloat16)
    return float_of_bfloat16(value);
  else
    return value;
}

template <Element element>
__device__ __forceinline__ Stored<element> rounded(Sum<element> value) {
  if constexpr (element == Element::float16)
    return float16_of(value);
  else if constexpr (element == Element::bfloat16)
    return bfloat16_of(value);
  else
    return value;
}

}  // namespace unstride::gpu
