// depthwise: the strict chain for layers with one input channel in each group. There is nothing to share between output
// channels, and the speed is that of memory: a thread computes a few neighbouring columns of all phases of one output
// channel in registers, from inputs that it reads where they lie; a warp's outputs go through shared memory, so that
// neighbouring lanes write neighbouring outputs.
#pragma once

#include "templates/cuda/activation.h"
#include "templates/cuda/depthwise_tile.h"
#include "templates/cuda/element.h"
#include "templates/cuda/interleave.h"

namespace unstride::gpu {

template <Layer layer, DepthwiseTile tile>
__device__ __forceinline__ void depthwise(const Arguments& arguments) {
  using T = Sum<layer.element>;
  using X = Stored<layer.element>;
  constexpr Polyphase polyphase = layer.polyphase();
  constexpr int columns = tile.columns, kernel_size = layer.kernel_size;
  constexpr int reach = polyphase.reach(), phases = polyphase.phases();
  using Outputs = Interleave<layer, phases, true, 32 * columns, 32>;
  static_assert(layer.in_channels == 1 && tile.threads % 32 == 0);
  static_assert(tile.warp_elements(layer) == Outputs::pitch);

  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const unsigned column_tiles = ceil_div(arguments.columns, tile.block_columns());
  const Index row = blockIdx.x / column_tiles;  // of y: batch, group and output channel
  const int channel = row % (layer.groups * layer.out_channels);
  const Index warp_column =
      layer.first_column() + Index{blockIdx.x % column_tiles} * tile.block_columns() + warp * 32 * columns;

  // The inputs that these columns read: window[reach + c] is the one at column c.
  const X* x = static_cast<const X*>(arguments.x) + row / layer.out_channels * arguments.input_pitch;
  const Index first = warp_column + lane * columns - reach;
  T window[reach + columns];
#pragma unroll
  for (int i = 0; i < reach + columns; ++i) {
    const bool within = first + i >= 0 && first + i < arguments.input_length;
    const T value = activated<layer.prologue>(widened<layer.element>(within ? x[first + i] : X{0}));
    window[i] = keeps_zero(layer.prologue) || within ? value : T{0};
  }

  const T* weights = static_cast<const T*>(arguments.weights) + Index{channel} * kernel_size;
  T bias = 0;
  if constexpr (layer.bias) bias = static_cast<const T*>(arguments.bias)[channel];
  T* outputs = reinterpret_cast<T*>(dynamic_shared()) + warp * Outputs::pitch;
#pragma unroll
  for (int phase = 0; phase < phases; ++phase) {
    T sums[columns];
#pragma unroll
    for (int c = 0; c < columns; ++c) sums[c] = bias;
#pragma unroll
    for (int t = 0; t < polyphase.max_taps(); ++t) {
      if (t >= polyphase.taps(phase)) break;
      const T w = weights[phase + t * polyphase.tap_step()];
      const int back = static_cast<int>(polyphase.delay(phase) + t * polyphase.input_step());
#pragma unroll
      for (int c = 0; c < columns; ++c) sums[c] = multiply_add(window[reach + c - back], w, sums[c]);
    }
#pragma unroll
    for (int c = 0; c < columns; ++c) Outputs::put(outputs, lane * columns + c, phase, sums[c]);
  }
  sync_warp();
  Outputs::store_one(arguments, outputs, row, bias, warp_column, lane);
}

}  // namespace unstride::gpu
