// The ceiling of bfloat16 products that are summed in float32.
#pragma once

#include <optional>
#include <string_view>

namespace unstride::bench {

/// What this processor multiplies bfloat16 with: "AMX" (products of 16 x 32 by 32 x 16), where the system grants its
/// use, else "AVX512-BF16" (two products in each lane of a vector), else nothing.
std::string_view bfloat16_unit();

/// Its GFLOP/s with `threads` threads together, over about 2 ms (a multiply-add counts two). Nothing without a unit.
std::optional<double> bfloat16_peak_gflops(int threads = 1);

}  // namespace unstride::bench
