// The elements of arrays: float, double, and two 16-bit types that C++20 has no names for.
//
// The 16-bit types are for storage: they convert to float, exactly, and from float, to the nearest, ties to even. A
// NaN stays one. Where rounding leaves the type's range the result is infinite, and subnormal numbers are kept.
#pragma once

#include <bit>
#include <cstdint>

#include "unstride/export.hpp"
#include "unstride/spec.hpp"

namespace unstride {

/// IEEE 754 binary16: 11 significant bits, from 2^-24 to 65504.
struct UNSTRIDE_API Float16 {
  std::uint16_t bits = 0;

  constexpr Float16() = default;
  constexpr explicit Float16(float value) noexcept {
    const auto pattern = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = pattern >> 16 & 0x8000, magnitude = pattern & 0x7fffffff;
    bits = static_cast<std::uint16_t>(sign | rounded(magnitude));
  }
  constexpr explicit operator float() const noexcept {
    const std::uint32_t exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
    if (exponent == 0) {  // fraction * 2^-24
      const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
      return sign != 0 ? -magnitude : magnitude;
    }
    const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + (127 - 15);
    return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
  }

 private:
  static constexpr std::uint32_t rounded(std::uint32_t magnitude) noexcept {
    if (magnitude > 0x7f800000) return 0x7e00;   // not a number
    if (magnitude >= 0x47800000) return 0x7c00;  // 2^16 and more
    const std::uint32_t exponent = magnitude >> 23;
    // Fewer bits are left below 2^-14, and none below 2^-25.
    if (exponent < 127 - 25) return 0;
    if (exponent < 127 - 14) return shifted((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
    return shifted(magnitude - ((127 - 15) << 23), 13);
  }
  // value / 2^shift, to the nearest, ties to even.
  static constexpr std::uint32_t shifted(std::uint32_t value, std::uint32_t shift) noexcept {
    return (value + (1u << (shift - 1)) - 1 + (value >> shift & 1)) >> shift;
  }
};

/// The upper half of a float: 8 significant bits, and float's range.
struct UNSTRIDE_API BFloat16 {
  std::uint16_t bits = 0;

  constexpr BFloat16() = default;
  constexpr explicit BFloat16(float value) noexcept {
    const auto pattern = std::bit_cast<std::uint32_t>(value);
    const bool not_a_number = (pattern & 0x7fffffff) > 0x7f800000;
    bits =
        static_cast<std::uint16_t>((not_a_number ? pattern | 0x400000 : pattern + 0x7fff + (pattern >> 16 & 1)) >> 16);
  }
  constexpr explicit operator float() const noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

namespace detail {
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct DTypeOf<Float16> {
  static constexpr DType value = DType::float16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bfloat16;
};
}  // namespace detail

/// The DType of a C++ type.
template <typename T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

template <typename T>
concept Element = requires {
  detail::DTypeOf<T>::value;
};

/// Calls f(T{}) with the C++ type of a DType, and returns what it returns.
template <typename F>
decltype(auto) with_element(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float64:
      return f(double{});
    case DType::float16:
      return f(Float16{});
    case DType::bfloat16:
      return f(BFloat16{});
    case DType::float32:
      break;
  }
  return f(float{});
}

}  // namespace unstride
