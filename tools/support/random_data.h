// Seeded data for tests and measurements: the same numbers for the same seed on every machine.
//
// The standard library's distributions differ between implementations, so this uses SplitMix64 (Steele, Lea, Flood:
// Fast Splittable Pseudorandom Number Generators, OOPSLA 2014) and scales its top bits exactly.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "unstride/element.hpp"

namespace unstride::tools {

/// A stream of 64 random bits a call.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, bound), bound >= 1. The bias of the remainder is below bound / 2^64.
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(bound));
  }

 private:
  std::uint64_t state_;
};

/// Uniform in [-1, 1), on a grid of 2^-23 (float) or 2^-52 (double): exact, so no rounding mode matters. The 16-bit
/// types take the floats, rounded.
template <Element T>
T uniform(SplitMix64& random) {
  if constexpr (std::is_same_v<T, double>)
    return static_cast<double>(random.next() >> 11) * 0x1p-52 - 1.0;
  else
    return T(static_cast<float>(random.next() >> 40) * 0x1p-23f - 1.0f);
}

template <typename T>
void fill_random(std::span<T> values, std::uint64_t seed) {
  SplitMix64 random(seed);
  for (T& value : values) value = uniform<T>(random);
}

template <typename T>
std::vector<T> random_values(std::int64_t count, std::uint64_t seed) {
  std::vector<T> values(static_cast<std::size_t>(count));
  fill_random(std::span<T>(values), seed);
  return values;
}

}  // namespace unstride::tools
