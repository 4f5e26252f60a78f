// What calls cost on tensor cores: all that mma and wgmma have in common. Fitted to an H200 (docs/benchmarks.md).
#pragma once

#include <cstdint>

#include "codegen/plan/gpu_strategy.h"

namespace unstride::plan {

/// Of one stage of a block's reduction, in cycles.
struct TensorStage {
  double fetching;     ///< until its inputs are there, whatever else the multiprocessor does
  double busy;         ///< of the multiprocessor: blocks beside it wait for as long
  double cache_bytes;  ///< that a multiprocessor gets from the second-level cache in a cycle while all of them read
};

/// Predicted microseconds of a call whose blocks a multiprocessor holds so many of: fetching, computing and reading
/// overlap, and a stage takes the longest of them. start_cycles: of a block, before its first stage. Infinite for calls
/// that this number of splits does not run.
double tensor_microseconds(const GpuProblem& problem, const gpu::MmaTile& tile, int resident, const TensorStage& stage,
                           double start_cycles, std::int64_t batch, std::int64_t columns);

}  // namespace unstride::plan
