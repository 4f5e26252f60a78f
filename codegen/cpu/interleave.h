// Phases to outputs, columns to rows: in registers.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// Interleaves n vectors: lane e of all results together is lane e / n of vectors[e % n].
Values interleave(Emitter& emit, const Values& vectors);

/// n vectors of n pieces each, n a power of two: piece i of result k is piece k of vectors[i].
Values transposed(Emitter& emit, Values vectors);

}  // namespace unstride::cpu
