// Reads LLVM's assembly text as far as the tests need: tile functions, their innermost loops, what those contain.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unstride::testing {

/// A function named "row_lanes_8phases_2taps_14columns".
struct TileFunction {
  std::string name;
  std::int64_t phases = 0, taps = 0, columns = 0;
  std::vector<std::string> lines;  ///< labels and instructions
};
std::vector<TileFunction> tile_functions(const std::string& assembly, const std::string& strategy);

struct HotLoop {
  std::int64_t fmas = 0;
  std::int64_t stack_operands = 0;
  std::int64_t stack_vectors = 0;  ///< those that vectors or matrices are loaded from, or stored to
  std::string example;             ///< an instruction with a stack operand
};
/// Of the loops that contain no other with fused multiply-adds, the one that has most.
HotLoop hottest_innermost_loop(const TileFunction& function);

}  // namespace unstride::testing
