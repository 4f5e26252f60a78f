// How far fast math on a GPU may be from the exact result: the bound of docs/spec.md.
#pragma once

#include <cmath>
#include <numeric>

#include "unstride/spec.hpp"

namespace unstride::testing {

/// What an output may differ by from `exact`, the layer's result in real numbers; magnitude: sum |x||w| + |b| of that
/// output, x being the inputs after the prologue. For activations whose slopes are at most 1.
inline double fast_math_bound(const LayerSpec& spec, double exact, double magnitude) {
  struct Losses {
    double operands, prologue, output, smallest_output;
  };
  const Losses losses = spec.dtype == DType::bfloat16  ? Losses{0, 0x1p-8, 0x1p-8, 0x1p-133}
                        : spec.dtype == DType::float16 ? Losses{0, 0x1p-11, 0x1p-11, 0x1p-24}
                                                       : Losses{0x1p-10 + 0x1p-22, 0, 0, 0};
  const std::int64_t tap_step = spec.stride / std::gcd(spec.stride, spec.dilation);
  const std::int64_t taps = (spec.kernel_size - 1) / tap_step + 1;  // of the longest phase
  const double m = static_cast<double>(taps * spec.in_channels_per_group()) + 20;
  const bool leaky = spec.prologue.op == Activation::Op::leaky_relu;
  const double sum = (m * 0x1p-22 + losses.operands + (leaky ? losses.prologue : 0)) * magnitude;
  return sum + losses.output * (std::fabs(exact) + sum) + losses.smallest_output;
}

}  // namespace unstride::testing
