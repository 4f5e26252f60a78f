// Where blocks that share the reduction of a tile leave their sums: what host and kernel agree on. split.h has the
// idea.
#pragma once

#include "templates/cuda/polyphase.h"

namespace unstride::gpu {

/// A workspace holds a counter for each tile of the call, and behind the counters the sums,
/// [tile][split][four][thread][4]. Counters lie in the same place for all kernels, so that one workspace serves one
/// kernel after the other.
struct SplitTile {
  int splits = 1;   ///< blocks of a tile
  int threads = 1;  ///< of a block that hold sums
  int fours = 1;    ///< sums of a thread, by four

  static constexpr Index most_tiles = 1024, counter_bytes = 4 * most_tiles;

  UNSTRIDE_HOST_DEVICE constexpr Index slice_bytes() const { return Index{16} * threads * fours; }
  UNSTRIDE_HOST_DEVICE constexpr Index workspace_bytes(Index tiles) const {
    return splits == 1 || tiles == 0 ? 0 : counter_bytes + tiles * splits * slice_bytes();
  }
};

}  // namespace unstride::gpu
