// How a compiled CPU kernel is called. Shared by the code that emits it and the code that runs it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace unstride::cpu {

/// Pitches in elements. Every field is 8 bytes: emitted code reads them by index (kernel_driver.cpp).
struct KernelArguments {
  const void* x;
  const void* weights;
  const void* biases;
  void* y;
  std::int64_t x_batch_pitch;
  std::int64_t x_pitch;
  std::int64_t y_batch_pitch;
  std::int64_t y_pitch;
  std::int64_t input_length;
  std::int64_t output_length;
  std::int64_t columns;  ///< of the whole output (plan::Columns)
  std::int64_t
      block_columns;  ///< in a column block, at most the plan's column_block and a multiple of the tile's columns
  std::int64_t column_blocks;  ///< that cover `columns`
  std::int64_t strip_columns;  ///< in a strip, at most the plan's strip
  std::int64_t chunk_work;     ///< of a row chunk (plan::RowRun::work): its tiles start within it
  std::int64_t row_chunks;     ///< that cover a group's row tiles
  std::int64_t border_counts;  ///< 1: products with the border can change a sum (weights are not finite); else 0
};

/// Computes the work items [begin, end) of batch x groups x column_blocks x row_chunks. Items are independent. scratch:
/// CpuGeometry::scratch_bytes, 64-byte aligned, of this caller alone.
using KernelFunction = void (*)(const KernelArguments* arguments, std::int64_t begin, std::int64_t end, void* scratch);

/// The KernelFunction of a plan's variant.
inline std::string kernel_symbol(std::size_t variant) {
  return "unstride_conv_transpose1d_" + std::to_string(variant);
}

}  // namespace unstride::cpu
