// NVIDIA GPUs to compile for, as plain data: an architecture, and what a typical device of it has.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace unstride::plan {

struct GpuTarget {
  std::string_view name;       ///< "cuda:sm_90a"; "cuda:compute_80" of PTX
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
  bool is_ptx = false;           ///< the driver of a newer device makes its code of it

  friend bool operator==(const GpuTarget&, const GpuTarget&) = default;
};

/// All architectures, oldest first.
std::span<const GpuTarget> gpu_targets();
/// PTX for each of them, oldest first, but not of architecture-specific code ("sm_90a"), which runs nowhere else.
std::span<const GpuTarget> ptx_targets();
/// The one of this name among both ("cuda:sm_86", "cuda:compute_86"); null when there is none.
const GpuTarget* gpu_target(std::string_view name);
/// Whether code for the target runs on a device of this compute capability: machine code on its own and later ones of
/// its major version, architecture-specific code on its own alone, PTX on its own and all later ones.
bool runs_on(const GpuTarget& target, int major, int minor);
/// What a device of this compute capability is compiled for: the newest machine code that runs on it, where there is
/// none, as for devices that this version does not know, the newest PTX; null when there is neither.
const GpuTarget* gpu_target_for(int major, int minor);

}  // namespace unstride::plan
