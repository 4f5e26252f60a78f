// What the bits of the 16-bit types mean, written down from their definition in double arithmetic. Shares nothing with
// the conversions under test (include/unstride/element.hpp, codegen/cpu/storage.cpp).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "unstride/element.hpp"

namespace unstride::testing {

/// sign | exponent | fraction.
struct Format {
  int exponent_bits, fraction_bits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int special() const { return (1 << exponent_bits) - 1; }  // the exponent of infinities and NaN
};

inline Format format_of(Float16) {
  return {5, 10};
}
inline Format format_of(BFloat16) {
  return {8, 7};
}

inline double decode(std::uint16_t bits, Format format) {
  const int fraction = bits & ((1 << format.fraction_bits) - 1);
  const int exponent = (bits >> format.fraction_bits) & format.special();
  const double sign = bits >> 15 == 1 ? -1.0 : 1.0;
  const double part = std::ldexp(fraction, -format.fraction_bits);
  if (exponent == format.special())
    return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(part, 1 - format.bias());
  return sign * std::ldexp(1 + part, exponent - format.bias());
}

/// To the nearest, ties to even; needs the default rounding mode.
inline std::uint16_t encode(double value, Format format) {
  const int infinity = format.special() << format.fraction_bits;
  const int sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return static_cast<std::uint16_t>(infinity | 1);
  double magnitude = std::fabs(value);
  if (magnitude == 0) return static_cast<std::uint16_t>(sign);
  // The spacing of the format's numbers around the value, and the value counted in it.
  const int smallest = 1 - format.bias();
  const int exponent = std::isinf(magnitude) ? 2000 : std::max(std::ilogb(magnitude), smallest);
  if (exponent > format.bias()) return static_cast<std::uint16_t>(sign | infinity);
  const auto count = static_cast<int>(std::nearbyint(std::ldexp(magnitude, format.fraction_bits - exponent)));
  // Counted from zero, the format's non-negative numbers are its bit patterns: a carry runs into the exponent, and past
  // the largest number to infinity.
  return static_cast<std::uint16_t>(sign | (((exponent - smallest) << format.fraction_bits) + count));
}

}  // namespace unstride::testing
