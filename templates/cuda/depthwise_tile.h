// The tile of depthwise: what host and kernel agree on. depthwise.h has the idea.
#pragma once

#include "templates/cuda/layer.h"

namespace unstride::gpu {

/// A thread computes `columns`
/// neighbouring columns of all phases of one output channel; a warp's outputs lie side by side.
struct DepthwiseTile {
  int columns = 4;  ///< of a thread
  int threads = 128;

  bool operator==(const DepthwiseTile&) const = default;

  UNSTRIDE_HOST_DEVICE constexpr int block_columns() const { return columns * threads; }
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return batch * layer.groups * layer.out_channels * ceil_div(number_of_columns, block_columns());
  }
  /// A warp's sums on their way to y, a word more after each 32.
  UNSTRIDE_HOST_DEVICE constexpr Index warp_elements(const Layer& layer) const {
    const Index sums = 32 * columns * layer.polyphase().phases();
    return sums + sums / 32 + 1;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index shared_bytes(const Layer& layer) const {
    return round_up(threads / 32 * warp_elements(layer) * layer.accumulator_bytes(), 16);
  }
};

}  // namespace unstride::gpu
