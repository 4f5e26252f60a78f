// Outputs from the sums that a tile of the matrix unit left in memory: a batch of vectors at a time, so that the next
// tile does it between its products, which leave the vector units idle.
#pragma once

#include "codegen/cpu/tile.h"

namespace unstride::cpu {

/// A whole tile, or nothing: then it has no batches.
struct WaitingTile {
  llvm::Value* batches;
  llvm::Value* sums;         ///< [column][row]
  llvm::Value *y, *y_pitch;  ///< the output of its first channel, phase and column
};

class AmxOutputs {
 public:
  /// shape: of any tile of the run. Batches are always those of a whole tile.
  AmxOutputs(Emitter& emit, const TileShape& shape);

  /// Of a tile with all its output channels. 0: pieces are too short for vectors.
  std::int64_t batches() const;
  /// i1: whether the outputs of this tile can be made by batches: it is whole, all of them are inside y, and its
  /// channels fill vectors.
  llvm::Value* possible(const TileArguments& tile);
  /// Of a tile with so many output channels.
  llvm::Value* batches_of(llvm::Value* live_channels);

  /// Makes the outputs of so many batches from `first` on, or of what there is of them; returns the next.
  llvm::Value* emit_some(const WaitingTile& tile, llvm::Value* first, std::int64_t batches);
  void emit_batches(const WaitingTile& tile, llvm::Value* first, llvm::Value* end);

 private:
  void emit_block(const WaitingTile& tile, llvm::Value* channel, llvm::Value* column);
  void store_spread(const WaitingTile& tile, llvm::Value* rounded, llvm::Value* channel, llvm::Value* output);
  void emit_pieces(const WaitingTile& tile, llvm::Value* channel, llvm::Value* column);
  void store(const WaitingTile& tile, llvm::Value* rounded, llvm::Value* channel, llvm::Value* output,
             llvm::Value* mask = nullptr);

  Emitter& emit_;
  const TileShape& shape_;
  const std::int64_t phases_, lanes_;
  std::int64_t channels_at_once_ = 1;
  std::int64_t columns_at_once_, columns_of_a_vector_;
  bool transposes_;        // channels become vectors of neighbouring columns, else columns are pieces
  bool in_pairs_ = false;  // of columns, which are rounded into one vector
};

}  // namespace unstride::cpu
