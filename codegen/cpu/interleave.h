// Phases to outputs, in registers.
#pragma once

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

/// Interleaves n vectors: lane e of all results together is lane e / n of vectors[e % n].
Values interleave(Emitter& emit, const Values& vectors);

}  // namespace unstride::cpu
