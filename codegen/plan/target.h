// A CPU to compile for, as plain data.
#pragma once

#include <cstdint>
#include <string>

namespace unstride::plan {

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
  /// What one core reads in order from beyond its second-level cache, in bytes a cycle, relative to a server core of
  /// Intel's, for which the cost model's numbers were measured: 8 from the third level, 6 from memory.
  double l3_speed = 1, memory_speed = 1;
};

}  // namespace unstride::plan
