// The ceiling of the tile unit: bfloat16 products of 16 x 32 by 32 x 16, summed in float32.
#pragma once

#include <optional>

namespace unstride::bench {

/// bf16 GFLOP/s of `threads` threads together over about 2 ms (a multiply-add counts two). Nothing where the processor
/// has no AMX-BF16 or the system does not grant its use.
std::optional<double> amx_peak_gflops(int threads = 1);

}  // namespace unstride::bench
