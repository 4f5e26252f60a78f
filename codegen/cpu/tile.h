// What every tile function is given, and the registry of the IR builders that emit them.
#pragma once

#include <cstdint>

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// The values a tile function is called with. It computes one tile of rows x columns over `channels` input channels:
/// sums start from the biases (first) or from `accumulators`, and end in y (last) or in `accumulators`.
struct TileArguments {
  llvm::Value* x = nullptr;  ///< the input that the tile's first column reads with its first tap, first input channel
  llvm::Value* x_pitch = nullptr;       ///< elements between two input channels of x
  llvm::Value* columns = nullptr;       ///< that are wanted, from 1 to TileShape::columns; more may be computed
  llvm::Value* weights = nullptr;       ///< of this tile (plan::WeightLayout), from the first input channel
  llvm::Value* biases = nullptr;        ///< [row]
  llvm::Value* accumulators = nullptr;  ///< what the tile keeps between channel blocks, vector aligned
  llvm::Value* stage = nullptr;         ///< scratch of CpuGeometry's stage size, vector aligned
  llvm::Value* channels = nullptr;      ///< input channels to sum
  llvm::Value *first_tap = nullptr, *last_tap = nullptr;  ///< the taps [first, last), where a plan leaves out others
  llvm::Value* first = nullptr;                           ///< i1: these are the first input channels
  llvm::Value* last = nullptr;                            ///< i1: these are the last input channels
  llvm::Value* y = nullptr;                               ///< output row of the tile's first channel
  llvm::Value* y_pitch = nullptr;
  llvm::Value* output = nullptr;  ///< index in the output row of the tile's first phase and column; may be negative
  llvm::Value* output_length = nullptr;
  llvm::Value* live_channels = nullptr;  ///< output channels of the tile that exist
  // What will be read soon: prefetched a cache line for each tap of each input channel, so that memory works while the
  // multipliers do. Steps in bytes.
  llvm::Value* ahead = nullptr;
  llvm::Value* ahead_channel_step = nullptr;
  llvm::Value* ahead_tap_step = nullptr;
};

/// What a tile function is specialised for.
struct TileShape {
  const plan::CpuPlan& plan;
  const plan::CpuGeometry& geometry;
  const plan::RowRun& run;
  std::int64_t columns;  ///< at most: of a whole tile, or of a tail
};

using EmitTile = llvm::Function* (*)(Emitter&, const TileShape&);

/// Emitters of the strategies (docs/adding-a-kernel.md).
llvm::Function* emit_row_lanes_tile(Emitter& emit, const TileShape& shape);
llvm::Function* emit_column_lanes_tile(Emitter& emit, const TileShape& shape);
llvm::Function* emit_amx_tile(Emitter& emit, const TileShape& shape);
EmitTile tile_emitter(const plan::CpuPlan& plan);

/// Starts a tile function, and gives its parameters their names.
llvm::Function* begin_tile_function(Emitter& emit, const TileShape& shape, TileArguments& arguments);
void call_tile(Emitter& emit, llvm::FunctionType* type, llvm::Value* tile, const TileArguments& arguments);

/// Copies the outputs of so many columns in the stage, [column][row] of `storage`, to y (row_lanes.cpp).
void store_staged_tile(Emitter& emit, const TileShape& shape, const TileArguments& arguments, llvm::Value* columns);

/// One step of the reduction: the taps of one input channel. Loops where they are many, else unrolled; each tap
/// through an opaque pointer, so that windows that overlap are not merged into more values than there are registers.
/// body(tap pointer into x, tap's weights, sums, whether this is the tap only some rows have) -> sums.
struct TapLoop {
  std::int64_t taps = 0;                          ///< that all rows have
  bool partial_tap = false;                       ///< one more, which only some rows have
  std::int64_t input_step = 0;                    ///< elements between the windows of two taps
  std::int64_t weight_step = 0;                   ///< elements between the weights of two taps
  std::int64_t channel_step = 0;                  ///< elements between the weights of two input channels
  std::int64_t unrolled = 0;                      ///< unroll up to so many
  bool prefetches = false;                        ///< from TileArguments::ahead
  llvm::Value *first = nullptr, *last = nullptr;  ///< the taps [first, last) alone; null: all
};
using TapBody = std::function<Values(llvm::Value* x, llvm::Value* weights, const Values& sums, bool partial)>;
Values emit_reduction(Emitter& emit, const TileArguments& arguments, const TapLoop& taps, const Values& initial,
                      const TapBody& body);

}  // namespace unstride::cpu
