// Integer arithmetic for sizes: sums and products that report overflow instead of wrapping, and division that rounds
// towards a stated side for either sign.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

namespace unstride::support {

/// Wide enough for any sum of a few products of two 64-bit numbers, so that only the final result need fit.
__extension__ using int128 = __int128;

constexpr std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

constexpr std::optional<std::int64_t> checked_sub(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}

constexpr std::optional<std::int64_t> checked_mul(std::int64_t a, std::int64_t b) noexcept {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// The largest integer <= a/b, for b > 0 and a of either sign.
template <typename Integer>
constexpr Integer floor_div(Integer a, std::type_identity_t<Integer> b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

/// The smallest integer >= a/b, for b > 0 and a of either sign.
template <typename Integer>
constexpr Integer ceil_div(Integer a, std::type_identity_t<Integer> b) noexcept {
  return a / b + (a % b > 0 ? 1 : 0);
}

/// The smallest multiple of b > 0 that is >= a. It must be representable.
template <typename Integer>
constexpr Integer round_up(Integer a, std::type_identity_t<Integer> b) noexcept {
  return ceil_div(a, b) * b;
}

}  // namespace unstride::support
