// Random layers, larger than the sweep's: many channels, long kernels, strides beyond a vector, several panels.
#pragma once

#include <algorithm>
#include <array>

#include "tests/oracle/layer_data.h"

namespace unstride::testing {

/// A sequence of layers, the same for the same seed.
class RandomLayers {
 public:
  explicit RandomLayers(std::uint64_t seed) : random_(seed) {}

  std::int64_t between(std::int64_t low, std::int64_t high) { return low + random_.below(high - low + 1); }
  bool one_in(std::int64_t n) { return random_.below(n) == 0; }
  /// Small values as often as large ones.
  std::int64_t up_to(std::int64_t high) { return between(1, one_in(2) ? std::min<std::int64_t>(high, 8) : high); }

  Activation activation() {
    const std::int64_t kind = between(0, 3);
    if (kind == 0) return {.op = Activation::Op::relu};
    if (kind == 1) return {.op = Activation::Op::leaky_relu, .negative_slope = 0.125 * static_cast<double>(up_to(9))};
    return {};
  }

  LayerSpec layer() {
    LayerSpec spec;
    spec.groups = one_in(3) ? up_to(12) : 1;
    const bool depthwise = spec.groups > 1 && one_in(2);
    spec.in_channels = spec.groups * (depthwise ? 1 : up_to(70 / spec.groups));
    spec.out_channels = spec.groups * up_to(70 / spec.groups);
    spec.kernel_size = up_to(70);
    spec.stride = up_to(40);
    spec.dilation = one_in(3) ? between(2, 6) : 1;
    spec.output_padding = between(0, std::max(spec.stride, spec.dilation) - 1);
    const std::int64_t overhang = spec.dilation * (spec.kernel_size - 1) + 1;
    spec.padding = between(0, overhang / 2);
    if (one_in(3)) spec.trim = {between(0, spec.stride), between(0, spec.stride)};
    spec.bias = !one_in(3);
    constexpr std::array dtypes = {DType::float32, DType::float64, DType::float16, DType::bfloat16};
    spec.dtype = dtypes[static_cast<std::size_t>(between(0, 3))];
    spec.prologue = activation();
    spec.epilogue = activation();
    return spec;
  }

  /// A few taps that dilation takes far apart.
  LayerSpec dilated_layer() {
    LayerSpec spec = layer();
    spec.kernel_size = between(1, 6);
    spec.dilation = between(7, 400);
    spec.output_padding = between(0, std::max(spec.stride, spec.dilation) - 1);
    spec.padding = between(0, (spec.dilation * (spec.kernel_size - 1) + 1) / 2);
    return spec;
  }

  /// An input length that keeps the layer's multiply-adds below this, if any does.
  std::int64_t length(const LayerSpec& spec, std::int64_t largest_work) {
    const std::int64_t work_per_input = spec.weight_count();
    std::int64_t length = std::min(up_to(400), std::max<std::int64_t>(1, largest_work / work_per_input));
    while (StrictChain<float>{spec, 0, length, {}, {}, {}}.output_length() < 1) ++length;
    return length;
  }

 private:
  tools::SplitMix64 random_;
};

}  // namespace unstride::testing
