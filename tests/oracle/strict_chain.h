// The oracle of the numerics contract: each output as the one chain of fused multiply-adds that "math": "strict"
// promises, written down from the operator's formula. Results are compared with it bit for bit.
//
// It is deliberately dumb: every output visits every kernel element and asks whether the stride divides. It shares no
// code with the compiler, not even the output length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "unstride/element.hpp"
#include "unstride/spec.hpp"

namespace unstride::testing {

/// One layer with its data, all dense. b is empty exactly when spec.bias is false. T decides the arithmetic: its own,
/// or float for the 16-bit types, with one rounding at the end.
template <typename T>
struct StrictChain {
  const LayerSpec& spec;
  std::int64_t batch;
  std::int64_t length;
  std::span<const T> x, w, b;

  /// As the operator's formula has it, with this output_padding instead of the spec's; may be negative.
  std::int64_t output_length(std::int64_t output_padding) const;
  std::int64_t output_length() const { return output_length(spec.output_padding); }

  /// y[n, co, o]. o may lie beyond output_length(): output_padding only lengthens the output.
  T output(std::int64_t n, std::int64_t co, std::int64_t o) const;
  /// All of y, with rows of this many outputs.
  std::vector<T> outputs(std::int64_t row_length) const;
};

/// What an element of x, w or b is in the arithmetic, and what a result of the arithmetic is in y.
double value_of(double element);
float value_of(float element);
float value_of(Float16 element);
float value_of(BFloat16 element);
template <typename T>
T stored(double value);

/// Equal to the last bit; any NaN equals any NaN.
template <typename T>
bool same_bits(T a, T b);

}  // namespace unstride::testing
