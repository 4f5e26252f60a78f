// Several blocks share the reduction of one tile, for calls that have far fewer tiles than the GPU has multiprocessors
// (fast math). Each leaves its sums in the workspace and counts its arrival. The one that comes last adds all of them
// in the order of the reduction, its own among them, so that results do not depend on who was last; and it leaves the
// counter at zero, as it found it, for the next launch.
#pragma once

#include "templates/cuda/device.h"
#include "templates/cuda/split_tile.h"

namespace unstride::gpu {

/// Which tile a block computes, and which part of its reduction. Neighbouring blocks have the same part.
struct Share {
  unsigned tile, split;

  template <int splits>
  static __device__ __forceinline__ Share of_block() {
    if constexpr (splits == 1) return {blockIdx.x, 0};
    const unsigned tiles = gridDim.x / splits;
    return {blockIdx.x % tiles, blockIdx.x / tiles};
  }
  /// The first of `count` steps of the reduction that this part has, or the part after it.
  template <int splits>
  __device__ __forceinline__ int begin(int count, unsigned parts_later = 0) const {
    return static_cast<int>(Index{count} * (split + parts_later) / splits);
  }
};

/// Returns true in the last block alone, with the sums of all in place of its own. sums(i): a thread's four sums of
/// number i; sync: waits for all threads; flag: a word of shared memory that is free once they are here.
template <SplitTile shape, typename Sums, typename Sync>
__device__ __forceinline__ bool add_splits(void* workspace, const Share& share, const Sums& sums, unsigned* flag,
                                           const Sync& sync) {
  constexpr Index slice = shape.slice_bytes() / 4;
  const int thread = threadIdx.x;
  unsigned* const counter = static_cast<unsigned*>(workspace) + share.tile;
  float* const slices =
      static_cast<float*>(workspace) + SplitTile::most_tiles + Index{share.tile} * (shape.splits * slice) + 4 * thread;
#pragma unroll
  for (int i = 0; i < shape.fours; ++i) {
    const float(&four)[4] = sums(i);
    publish<4>(slices + share.split * slice + i * 4 * shape.threads,
               Vector<float, 4>{{four[0], four[1], four[2], four[3]}});
  }
  sync();  // the block's sums are written
  if (thread == 0) {
    const bool is_last = count_arrival(counter) == shape.splits - 1;
    if (is_last) *counter = 0;
    *flag = is_last ? 1 : 0;
  }
  sync();
  if (*flag == 0) return false;
#pragma unroll(shape.fours <= 8 ? 2 : 1)
  for (int s = 0; s < shape.splits; ++s)
#pragma unroll
    for (int i = 0; i < shape.fours; ++i) {
      const auto four = load<4>(slices + s * slice + i * 4 * shape.threads);
#pragma unroll
      for (int j = 0; j < 4; ++j) sums(i)[j] = s == 0 ? four.at[j] : sums(i)[j] + four.at[j];
    }
  return true;
}

}  // namespace unstride::gpu
