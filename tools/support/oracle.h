// The oracle: the layer computed straight from its definition, in wider arithmetic, to judge fast kernels by.
//
// It is deliberately dumb: every output visits every kernel element and asks whether the stride divides. It shares no
// formula with the compiler except the output length.
//
// A kernel is right when every output is within the rounding error that one chain of n operations may have,
//
//     |y - reference| <= gamma_n * (sum |x||w| + |b|),   gamma_n = n*u / (1 - n*u),
//
// u = 2^-24 (float32, and the sums of the 16-bit types) or 2^-53 (float64): Higham, Accuracy and Stability of Numerical
// Algorithms, 2nd ed., section 3.1. n is in_channels/groups * (taps of the longest phase) + 2, and one more for each
// leaky_relu. The bound holds for any order of summation, so it judges other libraries as fairly. A 16-bit output may
// lie another unit roundoff of its type away, 2^-11 (float16) or 2^-8 (bfloat16).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unstride/element.hpp"

namespace unstride::tools {

/// One layer with its data: x (batch, in_channels, length), w (in_channels, out_channels/groups, kernel_size), b
/// (out_channels), empty exactly when spec.bias is false. T is the type of the elements; spec.dtype is not looked at.
template <typename T>
struct Problem {
  LayerSpec spec;
  std::int64_t batch = 1;
  std::int64_t length = 0;
  std::span<const T> x, w, b;
};

struct Verification {
  double max_abs_error = 0;   ///< largest |y - reference|; infinite where only one of the two is finite
  double max_rel_error = 0;   ///< largest |y - reference| / (sum |x||w| + |b|), 0/0 being 0
  std::int64_t checked = 0;   ///< outputs compared; fewer than total when the job was too large to check in full
  std::int64_t total = 0;     ///< outputs of the layer
  double tolerance = 0;       ///< what max_rel_error may reach (subnormal products get an absolute allowance too)
  bool verified = false;      ///< all checked outputs are within the bound
  std::string first_failure;  ///< the first one that is not, in words; empty when verified
};

/// Compares y (batch, out_channels, output_length) with the oracle. Where the whole job takes more than
/// max_multiplications (kernel elements visited in vain count too), a seeded sample is compared instead: the first and
/// last positions of the channels (of some channels, if there are too many) and random positions. Not a number and
/// infinities must agree in kind; where sum |x||w| + |b| is beyond the largest T, an intermediate result may have
/// overflowed and any y passes that is not finite. Throws ArgumentError when a size does not fit the spec, SpecError
/// when there is no such output.
template <typename T>
Verification verify(const Problem<T>& problem, std::span<const T> y, std::int64_t max_multiplications);

/// The oracle's whole output, rounded to T.
template <typename T>
std::vector<T> reference(const Problem<T>& problem);

}  // namespace unstride::tools
