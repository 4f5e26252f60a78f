// Phases to outputs, columns to rows: in registers.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// Interleaves n vectors: lane e of all results together is lane e / n of vectors[e % n].
Values interleave(Emitter& emit, const Values& vectors);

/// m vectors of n pieces of so many elements, m and n powers of two, and m equal to n or half of it. Piece k of
/// vectors[i] goes to result k, as its piece i. Where m is half of n, a vector has two rows of pieces, one behind the
/// other: rows 2i and 2i + 1. A vector may be several `groups` of as many elements, each transposed by itself; 0: it is
/// one.
Values transposed(Emitter& emit, Values vectors, int piece, int group = 0);

}  // namespace unstride::cpu
