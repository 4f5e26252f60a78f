// Tensor cores, for fast math: which tiles there are for a layer, and what they cost.
#include <algorithm>
#include <array>
#include <vector>

#include "codegen/plan/gpu_strategy.h"
#include "codegen/plan/gpu_tensor_cost.h"

namespace unstride::plan {

namespace {

using gpu::MmaTile;

const MmaTile& tile_of(const GpuTile& tile) {
  return std::get<MmaTile>(tile);
}

int channels_per_word(const GpuProblem& problem) {
  return static_cast<int>(gpu::MmaWeights{}.channels_per_word(problem.layer));
}

int sums(const MmaTile& tile) {
  return tile.columns * 8 * tile.row_groups() / (32 * tile.column_warps * tile.row_warps);
}

// What a thread needs besides its sums: two fragments of inputs, one of weights, inputs on their way, and addresses.
int registers(const GpuProblem& problem, const MmaTile& tile) {
  const int fragments = 8 * (tile.columns / tile.column_warps / 16) + 8;
  return sums(tile) + fragments +
         static_cast<int>(tile.held_words(problem.layer, tile.threads() / 32)) * channels_per_word(problem) + 80;
}

std::string why_illegal(const GpuProblem& problem, const GpuTile& any) {
  const MmaTile& tile = tile_of(any);
  const GpuTarget& target = problem.target;
  if (problem.spec.math != Math::fast) return "mma takes layers with fast math";
  if (problem.spec.dtype == DType::float64) return "mma takes no float64";
  if (target.compute_capability < 80 && problem.spec.dtype != DType::float16)
    return "tensor cores before sm_80 take float16 alone";
  for (const int value : {tile.columns, tile.inner_tiles, tile.outer_tiles, tile.column_warps, tile.row_warps,
                          tile.depth_warps, tile.slabs, tile.stages, tile.blocks_per_multiprocessor})
    if (value < 1 || value > 1024) return "each number must be from 1 to 1024";
  if (std::int64_t{tile.column_warps} * tile.row_warps * tile.depth_warps > 32) return "a block has at most 32 warps";
  if (tile.columns % (16 * tile.column_warps) != 0) return "columns must be a multiple of 16 * column_warps";
  if (tile.row_groups() % tile.row_warps != 0) return "inner_tiles * outer_tiles must be a multiple of row_warps";
  if (tile.order == gpu::Rows::phases && problem.layer.polyphase().max_delay() > 0)
    return "order=phases takes layers whose phases read the same inputs";
  if (tile.tap_block < 0) return "tap_block must be 0 or more";
  if (tile.stages < 2 || tile.stages > 8) return "stages must be from 2 to 8";
  if (tile.blocks_per_multiprocessor > 16) return "blocks_per_multiprocessor must be at most 16";
  if (std::string wrong = why_illegal_splits(tile.splits, tile.chunks(problem.layer)); !wrong.empty()) return wrong;
  if (tile.shared_bytes(problem.layer) > target.shared_bytes_per_block) return "the tile does not fit shared memory";
  if (tile.held_words(problem.layer, tile.threads() / 32) > 32) return "the inputs of a stage do not fit the registers";
  const int most = target.registers_per_multiprocessor / tile.threads() / tile.blocks_per_multiprocessor;
  if (registers(problem, tile) > std::min(255, most)) return "the tile does not fit the registers";
  return {};
}

// How warps share a block of this many columns and about this many groups of rows.
struct Shape {
  int columns, row_groups, column_warps, row_warps, depth_warps;
};
constexpr std::array shapes = {
    Shape{128, 16, 4, 2, 1}, Shape{128, 8, 4, 2, 1}, Shape{64, 16, 2, 2, 1}, Shape{64, 8, 2, 2, 1},
    Shape{64, 4, 4, 1, 1},   Shape{32, 16, 1, 4, 1}, Shape{32, 8, 2, 1, 2},  Shape{32, 4, 2, 1, 4},
    Shape{16, 8, 1, 2, 4},   Shape{16, 4, 1, 1, 4},  Shape{16, 2, 1, 1, 8},
};

// All phases of a channel in one block where they fit: its outputs are then neighbours.
void choose_rows(const GpuProblem& problem, const Shape& shape, MmaTile& tile) {
  const gpu::MmaWeights packed{tile.order};
  const auto outer = static_cast<int>(std::min<std::int64_t>(packed.outer(problem.layer), shape.row_groups));
  const auto inner =
      static_cast<int>(std::min<std::int64_t>(packed.inner(problem.layer), std::max(1, shape.row_groups / outer)));
  tile.outer_tiles = outer;
  tile.inner_tiles = inner;
  // The warps that share the rows must divide them.
  while (tile.row_groups() % tile.row_warps != 0) {
    if (tile.order == gpu::Rows::channels)
      ++tile.inner_tiles;
    else
      ++tile.outer_tiles;
  }
}

void choose_stages(const GpuProblem& problem, MmaTile& tile) {
  constexpr std::int64_t most_stage_words = 6 << 10;
  const std::int64_t taps = problem.layer.polyphase().max_taps();
  const std::int64_t fitting = std::max<std::int64_t>(1, most_stage_words / 128 / tile.row_groups() / tile.depth_warps);
  tile.tap_block = static_cast<int>(std::min(fitting, taps));
  const std::int64_t slabs = gpu::MmaWeights{tile.order}.slabs(problem.layer);
  // Two slabs a stage halve its barriers, where they are small.
  if (fitting >= 2 * taps && slabs >= std::int64_t{4} * tile.depth_warps) tile.slabs = 2;
  tile.stages = 3;
}

std::vector<GpuTile> enumerate(const GpuProblem& problem) {
  std::vector<GpuTile> tiles;
  const std::int64_t slabs = gpu::MmaWeights{}.slabs(problem.layer);
  for (const gpu::Rows order : {gpu::Rows::channels, gpu::Rows::phases})
    for (const Shape& shape : shapes) {
      if (shape.depth_warps > slabs) continue;
      MmaTile tile{.order = order,
                   .columns = shape.columns,
                   .column_warps = shape.column_warps,
                   .row_warps = shape.row_warps,
                   .depth_warps = shape.depth_warps};
      choose_rows(problem, shape, tile);
      choose_stages(problem, tile);
      tile.blocks_per_multiprocessor = 1;
      const int resident =
          resident_blocks(problem.target, tile.threads(), tile.shared_bytes(problem.layer), registers(problem, tile));
      tile.blocks_per_multiprocessor = std::clamp(resident, 1, 512 / tile.threads());
      if (!why_illegal(problem, tile).empty()) continue;
      for (const int splits : enumerated_splits) {
        if (splits > 1 && std::int64_t{2} * splits > tile.chunks(problem.layer)) break;
        tile.splits = splits;
        tiles.emplace_back(tile);
      }
    }
  return tiles;
}

double predict(const GpuProblem& problem, const GpuTile& any, std::int64_t batch, std::int64_t columns) {
  const MmaTile& tile = tile_of(any);
  // A stage's products at the rate of tensor cores, or its fragments from shared memory; and what its barriers cost.
  const double words = 16.0 * tile.stage_slabs() * static_cast<double>(tile.taps_in_memory(problem.layer));
  const double rate = problem.target.tensor_per_cycle / 2.0;  // in words: TF32 is half as fast as two 16-bit channels
  const double rows = 8.0 * tile.row_groups();
  const double products = tile.columns * rows * words / rate;
  const double from_shared = 4 * words * (tile.columns * tile.row_warps + rows * tile.column_warps) / 128;
  const auto loads =
      static_cast<double>(tile.held_words(problem.layer, tile.threads() / 32) * channels_per_word(problem));
  const TensorStage stage = {
      .fetching = 1075 + 37 * loads, .busy = std::max(products, from_shared) + 206, .cache_bytes = 17};
  const int resident = std::min(
      tile.blocks_per_multiprocessor,
      resident_blocks(problem.target, tile.threads(), tile.shared_bytes(problem.layer), registers(problem, tile)));
  return tensor_microseconds(problem, tile, resident, stage, 0, batch, columns);
}

std::string weight_layout(const GpuProblem&, const GpuTile& tile) {
  return "mma " + std::string(name_of(tile_of(tile).order, rows_names));
}

}  // namespace

const GpuStrategy mma = {GpuTileText<MmaTile>::name, enumerate, why_illegal, predict, weight_layout};

}  // namespace unstride::plan
