// Phases to outputs, columns to rows: in registers.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// Interleaves n vectors: lane e of all results together is lane e / n of vectors[e % n].
Values interleave(Emitter& emit, const Values& vectors);

/// Vectors of pieces of so many elements; m vectors of n pieces, both powers of two, m of them n or half of it. What is
/// piece k of vectors[i] goes to result k, as its piece i. Where m is half of n, a vector holds the pieces of two rows,
/// one row behind the other: these are rows 2i and 2i + 1 then.
Values transposed(Emitter& emit, Values vectors, int piece);

}  // namespace unstride::cpu
