// What the 64 bits say that wgmma takes for a matrix in shared memory, as the PTX manual draws them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace unstride::emulator {

struct MatrixDescriptor {
  explicit MatrixDescriptor(std::uint64_t bits)
      : start((bits & 0x3fff) << 4),
        depth_bytes((bits >> 16 & 0x3fff) << 4),
        column_bytes((bits >> 32 & 0x3fff) << 4),
        other_bits(bits & ~std::uint64_t{0x3fff'3fff'3fff}) {}

  static constexpr std::size_t core_columns = 8, core_bytes = 16;  // of a core matrix: columns, and bytes of depth

  /// Of the 16 bytes of depth number `half`, 0 or 1, of a column.
  std::size_t at(std::size_t column, std::size_t half) const {
    return start + column / core_columns * column_bytes + half * depth_bytes + column % core_columns * core_bytes;
  }
  /// One past the last byte of a matrix two core matrices deep.
  std::size_t last_byte(int columns) const { return at(static_cast<std::size_t>(columns) - 1, 1) + core_bytes; }

  std::size_t start, depth_bytes, column_bytes;  ///< start: from the beginning of shared memory
  std::uint64_t other_bits;                      ///< swizzling, and the base offset that belongs to it
};

}  // namespace unstride::emulator
