#include "codegen/plan/gpu_target.h"

#include <algorithm>
#include <array>

namespace unstride::plan {

namespace {

constexpr std::int64_t kilobyte = 1024, megabyte = kilobyte * kilobyte;

// The limits are those of the CUDA programming guide's table of compute capabilities; numbers of multiprocessors,
// clocks and bandwidths are those of one data centre or workstation device of each, and only weigh plans against each
// other.
constexpr std::array targets = {
    GpuTarget{.name = "cuda:sm_75",
              .arch = "sm_75",
              .compute_capability = 75,
              .multiprocessors = 40,
              .shared_bytes_per_block = 64 * kilobyte,
              .shared_bytes_per_multiprocessor = 64 * kilobyte,
              .threads_per_multiprocessor = 1024,
              .l2_bytes = 4 * megabyte,
              .gigahertz = 1.2,
              .memory_gigabytes = 300,
              .float32_per_cycle = 64},
    GpuTarget{.name = "cuda:sm_80",
              .arch = "sm_80",
              .compute_capability = 80,
              .multiprocessors = 108,
              .shared_bytes_per_block = 163 * kilobyte,
              .shared_bytes_per_multiprocessor = 164 * kilobyte,
              .threads_per_multiprocessor = 2048,
              .l2_bytes = 40 * megabyte,
              .gigahertz = 1.4,
              .memory_gigabytes = 1900,
              .float32_per_cycle = 64,
              .float64_per_cycle = 32},
    GpuTarget{.name = "cuda:sm_86",
              .arch = "sm_86",
              .compute_capability = 86,
              .multiprocessors = 84,
              .shared_bytes_per_block = 99 * kilobyte,
              .shared_bytes_per_multiprocessor = 100 * kilobyte,
              .threads_per_multiprocessor = 1536,
              .l2_bytes = 6 * megabyte,
              .gigahertz = 1.7,
              .memory_gigabytes = 700},
    GpuTarget{.name = "cuda:sm_89",
              .arch = "sm_89",
              .compute_capability = 89,
              .multiprocessors = 128,
              .shared_bytes_per_block = 99 * kilobyte,
              .shared_bytes_per_multiprocessor = 100 * kilobyte,
              .threads_per_multiprocessor = 1536,
              .l2_bytes = 72 * megabyte,
              .gigahertz = 2.3,
              .memory_gigabytes = 900},
    GpuTarget{.name = "cuda:sm_90a",
              .arch = "sm_90a",
              .compute_capability = 90,
              .multiprocessors = 132,
              .shared_bytes_per_block = 227 * kilobyte,
              .shared_bytes_per_multiprocessor = 228 * kilobyte,
              .threads_per_multiprocessor = 2048,
              .l2_bytes = 50 * megabyte,
              .gigahertz = 1.7,
              .memory_gigabytes = 4300,
              .float64_per_cycle = 64,
              .wgmma_per_cycle = 800,
              .has_wgmma = true,
              .has_bulk_copies = true},
    GpuTarget{.name = "cuda:sm_100",
              .arch = "sm_100",
              .compute_capability = 100,
              .multiprocessors = 148,
              .shared_bytes_per_block = 227 * kilobyte,
              .shared_bytes_per_multiprocessor = 228 * kilobyte,
              .threads_per_multiprocessor = 2048,
              .l2_bytes = 126 * megabyte,
              .gigahertz = 1.8,
              .memory_gigabytes = 7000,
              .float64_per_cycle = 64,
              .has_bulk_copies = true},
    GpuTarget{.name = "cuda:sm_120",
              .arch = "sm_120",
              .compute_capability = 120,
              .multiprocessors = 170,
              .shared_bytes_per_block = 99 * kilobyte,
              .shared_bytes_per_multiprocessor = 100 * kilobyte,
              .threads_per_multiprocessor = 1536,
              .l2_bytes = 96 * megabyte,
              .gigahertz = 2.4,
              .memory_gigabytes = 1600,
              .has_bulk_copies = true},
};

}  // namespace

std::span<const GpuTarget> gpu_targets() {
  return targets;
}

const GpuTarget* gpu_target(std::string_view name) {
  const auto* found = std::ranges::find(targets, name, &GpuTarget::name);
  return found == targets.end() ? nullptr : found;
}

const GpuTarget* gpu_target_for(int major, int minor) {
  const GpuTarget* result = nullptr;
  for (const GpuTarget& target : targets)
    if (target.compute_capability / 10 == major && target.compute_capability % 10 <= minor) result = &target;
  // Code for sm_90a runs on 9.0 alone.
  return result != nullptr && result->has_wgmma && minor != result->compute_capability % 10 ? nullptr : result;
}

}  // namespace unstride::plan
