// What the kernel driver asks of the matrix unit's side.
#pragma once

#include "codegen/cpu/tile.h"

namespace unstride::cpu {

/// Sets all registers of the matrix unit to their full size, for this thread.
void emit_configure_tiles(Emitter& emit);
/// Gives them back, so that they are not saved at every switch of threads.
void emit_release_tiles(Emitter& emit);

/// emit_pack_panel for the matrix unit: [block of 32 channels][part][column][channel], as bfloat16.
llvm::Function* emit_pack_amx_panel(Emitter& emit, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry);

/// A function of (stage, y_pitch) that makes outputs of the sums that the last whole tile of a run left waiting.
llvm::Function* emit_finish_amx_tile(Emitter& emit, const TileShape& shape);
/// Before the first tile that uses a stage.
void emit_no_amx_tile_waits(Emitter& emit, const plan::CpuPlan& plan, llvm::Value* stage);

}  // namespace unstride::cpu
