// The tile of mma, and its packed weights: what host and kernel agree on. mma.h has the idea.
//
// Weights and inputs are words of 32 bits along the reduction: one channel in TF32, or two neighbouring channels of a
// 16-bit type. 16 words are a slab: two instructions deep.
#pragma once

#include "templates/cuda/block.h"
#include "templates/cuda/split_tile.h"

namespace unstride::gpu {

inline constexpr int warps_of_group = 4;  ///< a warpgroup

/// A block computes `columns` by inner_tiles*outer_tiles groups of eight rows. Eight neighbours in `order` make a
/// group: output channels of one phase, or phases of one channel.
struct MmaTile {
  Rows order = Rows::channels;
  int columns = 64;      ///< of the block, a multiple of 16*column_warps
  int inner_tiles = 2;   ///< groups of eight along `order`
  int outer_tiles = 8;   ///< along the other of channels and phases
  int column_warps = 2;  ///< that share the columns,
  int row_warps = 2;     ///< the groups of rows,
  int depth_warps = 1;   ///< and the reduction; their sums are added in order at the end
  int slabs = 1;         ///< of a stage, for each of depth_warps
  int tap_block = 0;     ///< taps of a stage; 0: all of them
  int stages = 3;        ///< of weights
  int splits = 1;        ///< blocks that share a tile's reduction (split.h)
  int blocks_per_multiprocessor = 2;

  bool operator==(const MmaTile&) const = default;

  UNSTRIDE_HOST_DEVICE constexpr int threads() const { return 32 * column_warps * row_warps * depth_warps; }
  UNSTRIDE_HOST_DEVICE constexpr int row_groups() const { return inner_tiles * outer_tiles; }
  UNSTRIDE_HOST_DEVICE constexpr BlockShape shape() const { return {order, 8 * inner_tiles, outer_tiles, columns}; }
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return splits * shape().blocks(layer, batch, number_of_columns);
  }
  UNSTRIDE_HOST_DEVICE constexpr SplitTile split() const {
    return {splits, threads(), row_groups() / row_warps * (columns / column_warps / 16)};
  }
  UNSTRIDE_HOST_DEVICE constexpr Index workspace_bytes(const Layer& layer, Index batch, Index number_of_columns) const {
    return split().workspace_bytes(shape().blocks(layer, batch, number_of_columns));
  }
  /// Steps of the reduction, a stage each.
  UNSTRIDE_HOST_DEVICE constexpr Index chunks(const Layer& layer) const;
  UNSTRIDE_HOST_DEVICE constexpr Index taps_in_memory(const Layer& layer) const {
    return tap_block == 0 ? layer.polyphase().max_taps() : min(tap_block, layer.polyphase().max_taps());
  }
  UNSTRIDE_HOST_DEVICE constexpr int stage_slabs() const { return slabs * depth_warps; }
  /// Inputs before the tile's first column that the taps in memory read.
  UNSTRIDE_HOST_DEVICE constexpr Index halo(const Layer& layer) const {
    const Polyphase p = layer.polyphase();
    return (taps_in_memory(layer) - 1) * p.input_step() + p.max_delay();
  }
  /// Words between neighbouring rows of inputs: 8 more than a multiple of 32, so that the lanes of a fragment, four
  /// rows by eight columns, hit different banks.
  UNSTRIDE_HOST_DEVICE constexpr Index input_pitch(const Layer& layer) const {
    return round_up(columns + halo(layer) - 8, 32) + 8;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index input_words(const Layer& layer) const {
    return 16 * stage_slabs() * input_pitch(layer);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index weight_words(const Layer& layer) const {
    return 128 * row_groups() * stage_slabs() * taps_in_memory(layer);
  }
  /// What a thread fetches for a stage where so many warps do: a warp takes 32 positions of a word at a time.
  UNSTRIDE_HOST_DEVICE constexpr Index held_words(const Layer& layer, int warps) const {
    return ceil_div(16 * stage_slabs(), warps) * ceil_div(columns + halo(layer), 32);
  }
  /// One channel's outputs on their way to y (interleave.h).
  UNSTRIDE_HOST_DEVICE constexpr Index output_pitch() const {
    return columns * shape().phases + columns * shape().phases / 32 + 1;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index shared_words(const Layer& layer) const {
    return max(stages * weight_words(layer) + 2 * input_words(layer), output_pitch());
  }
  /// Of dynamic shared memory.
  UNSTRIDE_HOST_DEVICE constexpr Index shared_bytes(const Layer& layer) const {
    return round_up(4 * shared_words(layer), 16);
  }
};

/// mma's packed weights, [group][row group][slab][tap][lane][4 words], whatever the tile: a row group is (outer, eight
/// of inner), for Rows::channels (phase, channels), for Rows::phases (channel, phases). A lane's words are what it
/// gives to two instructions: depths lane%4, lane%4 + 4, + 8, + 12 of row lane/4. What is not there is zero.
struct MmaWeights {
  Rows order = Rows::channels;

  static constexpr Index slab_words = 16, piece_words = 128;

  /// Where in its piece a word lies.
  UNSTRIDE_HOST_DEVICE static constexpr Index place(Index row, Index depth) {
    return 4 * (row * 4 + depth % 4) + depth / 4;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index inner(const Layer& layer) const {
    return ceil_div(inner_row_count(order, layer), 8);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index outer(const Layer& layer) const { return outer_row_count(order, layer); }
  UNSTRIDE_HOST_DEVICE constexpr Index channels_per_word(const Layer& layer) const {
    return layer.element == Element::float32 ? 1 : 2;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index slabs(const Layer& layer) const {
    return ceil_div(layer.in_channels, slab_words * channels_per_word(layer));
  }
  UNSTRIDE_HOST_DEVICE constexpr Index row_groups(const Layer& layer) const { return inner(layer) * outer(layer); }
  /// A piece's number among those of its group.
  UNSTRIDE_HOST_DEVICE constexpr Index piece(const Layer& layer, Index row_group, Index slab, Index tap) const {
    return (row_group * slabs(layer) + slab) * layer.polyphase().max_taps() + tap;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index group_words(const Layer& layer) const {
    return row_groups(layer) * slabs(layer) * layer.polyphase().max_taps() * piece_words;
  }
};

UNSTRIDE_HOST_DEVICE constexpr Index MmaTile::chunks(const Layer& layer) const {
  return ceil_div(MmaWeights{order}.slabs(layer), stage_slabs()) *
         ceil_div(layer.polyphase().max_taps(), taps_in_memory(layer));
}

}  // namespace unstride::gpu
