#include "tests/oracle/strict_chain.h"

#include <cmath>
#include <cstring>

#include "tests/oracle/sixteen_bits.h"

namespace unstride::testing {

namespace {

template <typename T>
T activate(const Activation& activation, T v) {
  if (activation.op == Activation::Op::none || v > 0 || std::isnan(v)) return v;
  if (activation.op == Activation::Op::relu) return T{0};
  return v * static_cast<T>(activation.negative_slope);
}

}  // namespace

double value_of(double element) {
  return element;
}
float value_of(float element) {
  return element;
}
float value_of(Float16 element) {
  return static_cast<float>(decode(element.bits, format_of(element)));
}
float value_of(BFloat16 element) {
  return static_cast<float>(decode(element.bits, format_of(element)));
}

template <>
double stored(double value) {
  return value;
}
template <>
float stored(double value) {
  return static_cast<float>(value);
}
template <>
Float16 stored(double value) {
  Float16 element;
  element.bits = encode(value, format_of(element));
  return element;
}
template <>
BFloat16 stored(double value) {
  BFloat16 element;
  element.bits = encode(value, format_of(element));
  return element;
}

template <typename T>
std::int64_t StrictChain<T>::output_length(std::int64_t output_padding) const {
  return (length - 1) * spec.stride - 2 * spec.padding + spec.dilation * (spec.kernel_size - 1) + output_padding + 1 -
         spec.trim[0] - spec.trim[1];
}

template <typename T>
T StrictChain<T>::output(std::int64_t n, std::int64_t co, std::int64_t o) const {
  const std::int64_t group_inputs = spec.in_channels / spec.groups;
  const std::int64_t group_outputs = spec.out_channels / spec.groups;
  const std::int64_t first_input = co / group_outputs * group_inputs;
  using Sum = decltype(value_of(T{}));
  Sum acc = spec.bias ? value_of(b[static_cast<std::size_t>(co)]) : Sum{0};
  for (std::int64_t ci = first_input; ci < first_input + group_inputs; ++ci) {
    const T* row = x.data() + (n * spec.in_channels + ci) * length;
    const T* kernel = w.data() + (ci * group_outputs + co % group_outputs) * spec.kernel_size;
    for (std::int64_t j = 0; j < spec.kernel_size; ++j) {
      const std::int64_t distance = o + spec.trim[0] + spec.padding - j * spec.dilation;
      if (distance % spec.stride != 0) continue;
      const std::int64_t i = distance / spec.stride;
      const Sum value = 0 <= i && i < length ? activate(spec.prologue, value_of(row[i])) : Sum{0};
      acc = std::fma(value, value_of(kernel[j]), acc);
    }
  }
  return stored<T>(activate(spec.epilogue, acc));
}

template <typename T>
std::vector<T> StrictChain<T>::outputs(std::int64_t row_length) const {
  std::vector<T> y;
  y.reserve(static_cast<std::size_t>(batch * spec.out_channels * row_length));
  for (std::int64_t n = 0; n < batch; ++n)
    for (std::int64_t co = 0; co < spec.out_channels; ++co)
      for (std::int64_t o = 0; o < row_length; ++o) y.push_back(output(n, co, o));
  return y;
}

template <typename T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(value_of(a)) && std::isnan(value_of(b)));
}

template struct StrictChain<float>;
template struct StrictChain<double>;
template struct StrictChain<Float16>;
template struct StrictChain<BFloat16>;
template bool same_bits(float, float);
template bool same_bits(double, double);
template bool same_bits(Float16, Float16);
template bool same_bits(BFloat16, BFloat16);

}  // namespace unstride::testing
