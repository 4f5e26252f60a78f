// A CPU to compile for, as plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace unstride::plan {

/// What reading costs one core, as the cost model takes it. These are for server cores of Intel's (Sapphire Rapids).
struct ReadingCosts {
  // Bytes a cycle, in order, while the core computes; from the third level also where a tile asks for what is next, and
  // where other reading comes between.
  double l2_bytes = 32;
  double l3_bytes = 8;
  double l3_bytes_asked_for = 8;
  double l3_bytes_interrupted = 2;
  double memory_bytes = 6;
  // What asking for weights ahead of time adds to a tile's time, as a factor.
  double asking = 1.04;
  // Cycles to start packing a row of a strip.
  double packed_row = 8;
  // Cycles that a cache line of inputs costs tiles more than one from the first-level cache: a panel's from the second
  // level, one that is gone from there too when it is read again, and one of x itself, from few and from many rows.
  double panel_line = 0.4, panel_line_again = 1.0;
  double near_line = 0.5, few_rows_line = 1.0, many_rows_line = 3.0;
  // The same from the third level and from memory: read row by row to be packed, by tiles from few rows at once, from
  // many rows that were asked for, and from many that were not.
  std::array<double, 4> l3_line = {10, 4, 7, 11};
  std::array<double, 4> memory_line = {22, 10, 20, 60};
};

struct CpuTarget {
  std::string name;      ///< as the user wrote it: "cpu", "cpu:x86-64-v4"
  std::string triple;    ///< LLVM's, "x86_64-pc-linux-gnu"
  std::string level;     ///< what name stands for, "x86-64-v3"
  std::string base_cpu;  ///< the psABI level that the feature list builds on, "x86-64-v3"
  std::string features;  ///< LLVM's feature list, "+avx512f,+fma,..."; empty: what base_cpu has
  int vector_bytes = 32;
  int vector_registers = 16;
  bool embedded_broadcast = false;  ///< an FMA can broadcast its memory operand
  bool matrix_unit = false;         ///< AMX with bfloat16 products
  bool bfloat16_dots = false;       ///< AVX512-BF16: sums of two bfloat16 products in each lane, as fast as an FMA
  std::int64_t l1_bytes = 32 << 10;
  std::int64_t l2_bytes = 1 << 20;
  ReadingCosts reading;
};

}  // namespace unstride::plan
