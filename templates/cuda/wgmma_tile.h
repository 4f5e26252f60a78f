// The tile of wgmma, and its packed weights: what host and kernel agree on. wgmma.h has the idea.
#pragma once

#include "templates/cuda/mma_tile.h"

namespace unstride::gpu {

/// A block computes 64*warpgroups columns by inner_tiles*outer_tiles groups of eight rows, as MmaTile has them. One
/// warpgroup more brings inputs and weights.
struct WgmmaTile {
  Rows order = Rows::channels;
  int inner_tiles = 4;  ///< groups of eight along `order`
  int outer_tiles = 8;  ///< along the other of channels and phases; the product is a multiple of 8
  int warpgroups = 2;   ///< that multiply, 64 columns each
  int slabs = 1;        ///< of a stage; divides those of the layer
  int stages = 4;       ///< of inputs and weights
  int splits = 1;       ///< blocks that share a tile's reduction (split.h)
  int blocks_per_multiprocessor = 1;

  /// Of a thread, where two warpgroups multiply; producers keep inputs in theirs. In all no more than the block starts
  /// with, an equal share of 65536 for each thread, in eights: a warp would wait for more forever.
  static constexpr int consumer_registers = 200, producer_registers = 104;
  static_assert(2 * consumer_registers + producer_registers <= 3 * (65536 / 384 / 8 * 8));

  bool operator==(const WgmmaTile&) const = default;

  /// The same tile, of the warps that multiply: a stage has all taps.
  UNSTRIDE_HOST_DEVICE constexpr MmaTile products() const {
    return {.order = order,
            .columns = 64 * warpgroups,
            .inner_tiles = inner_tiles,
            .outer_tiles = outer_tiles,
            .column_warps = warps_of_group * warpgroups,
            .row_warps = 1,
            .depth_warps = 1,
            .slabs = slabs,
            .tap_block = 0,
            .stages = stages,
            .splits = splits,
            .blocks_per_multiprocessor = blocks_per_multiprocessor};
  }
  UNSTRIDE_HOST_DEVICE constexpr int threads() const { return 32 * warps_of_group * (warpgroups + 1); }
  /// Rows of one instruction.
  UNSTRIDE_HOST_DEVICE constexpr int instruction_rows() const { return products().row_groups() % 16 == 0 ? 128 : 64; }
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return products().blocks(layer, batch, number_of_columns);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index workspace_bytes(const Layer& layer, Index batch, Index number_of_columns) const {
    return products().workspace_bytes(layer, batch, number_of_columns);
  }
  /// Weights, then inputs.
  UNSTRIDE_HOST_DEVICE constexpr Index stage_words(const Layer& layer) const {
    return products().weight_words(layer) + products().input_words(layer);
  }
  /// Where the barriers lie, two for each stage.
  UNSTRIDE_HOST_DEVICE constexpr Index barrier_bytes(const Layer& layer) const {
    return round_up(4 * max(stages * stage_words(layer), products().output_pitch()), 16);
  }
  /// Of dynamic shared memory.
  UNSTRIDE_HOST_DEVICE constexpr Index shared_bytes(const Layer& layer) const {
    return barrier_bytes(layer) + 16 * stages;
  }
};

/// wgmma's packed weights: those of mma but for two orders. Pieces lie as [group][slab][row group][tap], so that a
/// stage's neighbouring row groups come by one copy. In a piece are four core matrices of wgmma, one after the other
/// along the reduction, each of eight rows by four words.
struct WgmmaWeights : MmaWeights {
  static constexpr Index core_words = 32;

  UNSTRIDE_HOST_DEVICE static constexpr Index place(Index row, Index depth) {
    return depth / 4 * core_words + row * 4 + depth % 4;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index piece(const Layer& layer, Index row_group, Index slab, Index tap) const {
    return (slab * row_groups(layer) + row_group) * layer.polyphase().max_taps() + tap;
  }
};

}  // namespace unstride::gpu
