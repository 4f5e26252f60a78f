#include "codegen/plan/gpu_target.h"

#include <algorithm>
#include <array>
#include <vector>

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
              .wgmma_per_cycle = 2048,
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

// The names of PTX for a row: static, as GpuTarget's are.
constexpr std::array ptx_names = {"cuda:compute_75", "cuda:compute_80",  "cuda:compute_86",
                                  "cuda:compute_89", "cuda:compute_100", "cuda:compute_120"};

std::vector<GpuTarget> make_ptx_targets() {
  std::vector<GpuTarget> result;
  for (GpuTarget target : targets) {
    const auto same = [&](std::string_view name) { return name.ends_with(target.arch.substr(target.arch.find('_'))); };
    const auto* name = std::ranges::find_if(ptx_names, same);
    if (name == ptx_names.end()) continue;
    target.name = *name;
    target.arch = target.name.substr(target.name.find(':') + 1);
    target.is_ptx = true;
    result.push_back(target);
  }
  return result;
}

}  // namespace

std::span<const GpuTarget> gpu_targets() {
  return targets;
}

std::span<const GpuTarget> ptx_targets() {
  static const std::vector<GpuTarget> made = make_ptx_targets();
  return made;
}

const GpuTarget* gpu_target(std::string_view name) {
  for (const std::span<const GpuTarget> all : {gpu_targets(), ptx_targets()})
    for (const GpuTarget& target : all)
      if (target.name == name) return &target;
  return nullptr;
}

bool runs_on(const GpuTarget& target, int major, int minor) {
  const int device = 10 * major + minor;
  if (target.is_ptx) return device >= target.compute_capability;
  if (target.arch.ends_with('a')) return device == target.compute_capability;
  return device / 10 == target.compute_capability / 10 && device >= target.compute_capability;
}

const GpuTarget* gpu_target_for(int major, int minor) {
  for (const std::span<const GpuTarget> all : {gpu_targets(), ptx_targets()}) {
    const GpuTarget* newest = nullptr;
    for (const GpuTarget& target : all)
      if (runs_on(target, major, minor)) newest = &target;
    if (newest) return newest;
  }
  return nullptr;
}

}  // namespace unstride::plan
