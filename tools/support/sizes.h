// Element counts from dimensions that a user gave: a product that does not fit 64 bits is an error, not a wrap.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace unstride::tools {

/// The product of dimensions that are at least 0; nothing when it does not fit 64 bits.
inline std::optional<std::int64_t> element_count(std::span<const std::int64_t> dimensions) {
  std::int64_t count = 1;
  for (const std::int64_t dimension : dimensions) {
    if (dimension == 0) return 0;
  }
  for (const std::int64_t dimension : dimensions) {
    if (__builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return count;
}

}  // namespace unstride::tools
