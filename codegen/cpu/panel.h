// Copies inputs into the strips of a packed panel, where tiles read them.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// void pack_panel(ptr panel, ptr x, i64 x_pitch, i64 first_input, i64 begin, i64 end, i64 columns, i64 strip_columns,
/// i64 input_length): packs the strips of the columns [begin, end) of a block of `columns` to `panel`, both ends of
/// strips; element e of a strip's row is the input first_input + the strip's first column + e, with the prologue
/// applied; zero outside of [0, input_length). A row is that of one input channel, or in row_pairs of two.
llvm::Function* emit_pack_panel(Emitter& emit, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry);

}  // namespace unstride::cpu
