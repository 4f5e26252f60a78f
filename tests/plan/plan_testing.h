// What the plan tests share: CPUs as plain data, layers in few words.
#pragma once

#include <vector>

#include "codegen/plan/cpu_strategy.h"

namespace unstride::plan {

inline CpuTarget avx2() {
  CpuTarget target;
  target.name = "cpu:x86-64-v3";
  return target;
}

inline CpuTarget avx512() {
  CpuTarget target;
  target.name = "cpu:x86-64-v4";
  target.vector_bytes = 64;
  target.vector_registers = 32;
  target.embedded_broadcast = true;
  return target;
}

inline LayerSpec layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                       std::int64_t dilation = 1) {
  LayerSpec spec;
  spec.in_channels = in;
  spec.out_channels = out;
  spec.kernel_size = kernel;
  spec.stride = stride;
  spec.dilation = dilation;
  return spec;
}

/// Calls f with layers of all small kernel sizes, strides and dilations, and of some numbers of output channels.
template <typename F>
void for_each_small_layer(const F& f) {
  for (const std::int64_t out : {1, 3, 20})
    for (std::int64_t k = 1; k <= 9; ++k)
      for (std::int64_t s = 1; s <= 8; ++s)
        for (std::int64_t d = 1; d <= 6; ++d) f(layer(2, out, k, s, d));
  for (const std::int64_t stride : {40, 256}) f(layer(1, 1, 4 * stride, stride));
}

}  // namespace unstride::plan
