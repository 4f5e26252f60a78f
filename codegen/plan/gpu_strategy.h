// The GPU kernels: one registry row each. Adding one: docs/adding-a-kernel.md.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/plan/gpu_plan.h"
#include "codegen/plan/gpu_target.h"
#include "codegen/plan/polyphase.h"
#include "unstride/spec.hpp"

namespace unstride::plan {

/// A layer to be compiled for a GPU. Throws SpecError when the layer is beyond what compiled kernels take.
struct GpuProblem {
  GpuProblem(const LayerSpec& spec, const GpuTarget& target);
  LayerSpec spec;
  GpuTarget target;
  Polyphase polyphase;
  gpu::Layer layer;  ///< the same spec, in a kernel's terms

  std::int64_t accumulator_bytes() const { return layer.accumulator_bytes(); }
  std::int64_t element_bytes() const { return gpu::size_of(layer.element); }
};

struct GpuStrategy {
  std::string_view name;
  /// Every tile worth trying; empty when the strategy cannot compute the layer.
  std::vector<GpuTile> (*enumerate)(const GpuProblem&);
  /// Empty when the tile can be compiled for this layer and target, else what is wrong with it.
  std::string (*why_illegal)(const GpuProblem&, const GpuTile&);
  /// Predicted microseconds of one call, weights in the second-level cache; infinity where the tile cannot run it.
  double (*predict)(const GpuProblem&, const GpuTile&, std::int64_t batch, std::int64_t columns);
  /// Names the order of packed weights: tiles with the same name read the same.
  std::string (*weight_layout)(const GpuProblem&, const GpuTile&);
};

extern const GpuStrategy ffma, gpu_depthwise, mma, wgmma;

std::span<const GpuStrategy* const> gpu_strategies();
const GpuStrategy& strategy_of(const GpuTile& tile);

/// How a tile is launched for a batch and a number of columns (Columns of codegen/plan/polyphase.h).
struct GpuLaunch {
  std::int64_t blocks = 0;  ///< a one-dimensional grid; 0: nothing to do
  int threads = 0;
  std::int64_t shared_bytes = 0;     ///< dynamic
  std::int64_t workspace_bytes = 0;  ///< of Arguments::workspace
};

GpuLaunch launch_of(const GpuProblem& problem, const GpuTile& tile, std::int64_t batch, std::int64_t columns);

/// Names the arrangement of a plan's packed weights: kernels of one layer whose names are equal can share them.
std::string weight_layout(const GpuProblem& problem, const GpuPlan& plan);

/// Tiles of one plan that read weights in the same order share them.
struct WeightLayouts {
  std::vector<std::size_t> first_tile;  ///< of each layout
  std::vector<std::size_t> of_tile;     ///< the layout of each tile
};
WeightLayouts weight_layouts(const GpuProblem& problem, const GpuPlan& plan);

/// The index of the tile that computes a call.
std::size_t variant_for(const GpuProblem& problem, const GpuPlan& plan, std::int64_t batch, std::int64_t columns);

/// Blocks that share a tile's reduction (templates/cuda/split.h); 1 for strategies that never do.
int splits_of(const GpuTile& tile);
/// Empty where so many blocks can share a reduction of so many stages.
std::string why_illegal_splits(int splits, std::int64_t chunks);
/// The numbers that tiles are enumerated with.
inline constexpr std::array enumerated_splits = {1, 2, 4, 8, 16};
/// Calls that have a tile for each multiprocessor gain nothing, and run another tile of the plan. That bounds counters
/// and workspaces, too.
inline bool may_split(const GpuTarget& target, std::int64_t tiles, int splits) {
  return splits == 1 || tiles <= std::min<std::int64_t>(target.multiprocessors, gpu::SplitTile::most_tiles);
}

/// How many blocks a multiprocessor holds at once.
int resident_blocks(const GpuTarget& target, int threads, std::int64_t shared_bytes, int registers_per_thread);

}  // namespace unstride::plan
