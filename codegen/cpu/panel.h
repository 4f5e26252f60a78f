// The input panel: the inputs of one block of columns, with everything outside the input as +0 and the prologue
// applied.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// void pack_panel(ptr panel, ptr x, i64 x_pitch, i64 first, i64 width, i64 input_length): for every input channel of
/// a group, panel[channel][e] = prologue(x[channel][first + e]) for e in [0, width); first may be negative.
llvm::Function* emit_pack_panel(Emitter& emit, const plan::CpuGeometry& geometry);
void call_pack_panel(Emitter& emit, llvm::Function* pack, llvm::Value* panel, llvm::Value* x, llvm::Value* x_pitch,
                     llvm::Value* first, llvm::Value* width, llvm::Value* input_length);

}  // namespace unstride::cpu
