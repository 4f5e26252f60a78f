#pragma once

#include <bit>
#include <cstdint>

namespace unstride::plan {

/// Shuffles that interleave `stride` vectors: halves, then the odd factor by chains of two-source shuffles.
inline double interleave_shuffles(std::int64_t stride) {
  const std::int64_t halvings = std::countr_zero(static_cast<std::uint64_t>(stride));
  const std::int64_t odd = stride >> halvings;
  return static_cast<double>(stride * (halvings + odd - 1));
}

}  // namespace unstride::plan
