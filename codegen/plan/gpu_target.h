// NVIDIA GPUs to compile for, as plain data: an architecture, and what a typical device of it has.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace unstride::plan {

struct GpuTarget {
  std::string_view name;       ///< "cuda:sm_90a"
  std::string_view arch;       ///< as the compiler takes it, "sm_90a"
  int compute_capability = 0;  ///< 10*major + minor
  int multiprocessors = 0;
  std::int64_t shared_bytes_per_block = 0;  ///< at most, with the attribute that permits more than 48 KB
  std::int64_t shared_bytes_per_multiprocessor = 0;
  int threads_per_multiprocessor = 0;
  int registers_per_multiprocessor = 65536;
  std::int64_t l2_bytes = 0;
  double gigahertz = 0;          ///< while it computes
  double memory_gigabytes = 0;   ///< a second
  int float32_per_cycle = 128;   ///< fused multiply-adds of a multiprocessor
  int float64_per_cycle = 2;     ///< the same
  int tensor_per_cycle = 512;    ///< the same of 16-bit operands by mma; TF32 is half as fast
  int wgmma_per_cycle = 0;       ///< the same by wgmma
  bool has_wgmma = false;        ///< and setmaxnreg: architecture-specific code for sm_90a
  bool has_bulk_copies = false;  ///< mbarrier and cp.async.bulk

  friend bool operator==(const GpuTarget&, const GpuTarget&) = default;
};

/// All architectures, oldest first.
std::span<const GpuTarget> gpu_targets();
/// The row of this name ("cuda:sm_86"); null when there is none.
const GpuTarget* gpu_target(std::string_view name);
/// The row whose code runs on a device of this compute capability: the newest of its major version that is not newer
/// than it; null when there is none.
const GpuTarget* gpu_target_for(int major, int minor);

}  // namespace unstride::plan
