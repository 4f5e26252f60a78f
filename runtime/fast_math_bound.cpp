#include "runtime/fast_math_bound.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "unstride/element.hpp"

namespace unstride {

namespace {

template <typename T>
double widen(T value) {
  if constexpr (sizeof(T) == 2)
    return static_cast<double>(static_cast<float>(value));
  else
    return static_cast<double>(value);
}

template <typename T>
std::vector<double> widen(const T* from, std::int64_t count) {
  std::vector<double> to(static_cast<std::size_t>(count));
  std::transform(from, from + count, to.begin(), [](T value) { return widen(value); });
  return to;
}

double apply(const Activation& activation, double v) {
  switch (activation.op) {
    case Activation::Op::relu:
      return v > 0 ? v : 0;
    case Activation::Op::leaky_relu:
      return v > 0 ? v : v * activation.negative_slope;
    case Activation::Op::none:
      break;
  }
  return v;
}

}  // namespace

WideLayer widened(const LayerSpec& spec, const void* x, const void* parameters, std::int64_t length) {
  WideLayer layer{.spec = spec, .x = {}, .w = {}, .b = {}};
  layer.spec.math = Math::strict;
  layer.spec.dtype = DType::float64;
  with_element(spec.dtype, [&](auto element) {
    using T = decltype(element);
    const T* w = static_cast<const T*>(parameters);
    layer.x = widen(static_cast<const T*>(x), spec.in_channels * length);
    layer.w = widen(w, spec.weight_count());
    if (spec.bias) layer.b = widen(w + spec.weight_count(), spec.out_channels);
  });
  return layer;
}

WideLayer magnitudes(const WideLayer& layer) {
  WideLayer result = layer;
  for (double& v : result.x) v = std::abs(apply(layer.spec.prologue, v));
  for (double& v : result.w) v = std::abs(v);
  for (double& v : result.b) v = std::abs(v);
  result.spec.prologue = result.spec.epilogue = {};
  return result;
}

double rounding_of(DType dtype) {
  return dtype == DType::float16 ? 0x1p-11 : dtype == DType::bfloat16 ? 0x1p-8 : 0;
}

std::string FastMathBound::check(const std::byte* y) const {
  return with_element(spec.dtype, [&](auto element) -> std::string {
    using T = decltype(element);
    const T* values = reinterpret_cast<const T*>(y);
    const double slope =
        spec.epilogue.op == Activation::Op::leaky_relu ? std::max(1.0, std::abs(spec.epilogue.negative_slope)) : 1.0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const double value = widen(values[i]);
      const double allowed =
          relative * slope * magnitude[i] + rounding * (std::abs(reference[i]) + magnitude[i] * relative) + least;
      if (!(std::abs(value - reference[i]) <= allowed))
        return fmt::format("output {} is {}, not {} within {:.3g}", i, value, reference[i], allowed);
    }
    return {};
  });
}

}  // namespace unstride
