// Tensor cores of Hopper, for fast math of deep layers: which tiles there are for a layer, and what they cost.
#include <algorithm>
#include <vector>

#include "codegen/plan/gpu_strategy.h"
#include "codegen/plan/gpu_tensor_cost.h"

namespace unstride::plan {

namespace {

using gpu::MmaWeights;
using gpu::WgmmaTile;

// A fragment for each tap waits in registers.
constexpr std::int64_t most_taps = 8;
// Products of one output: with fewer, filling and emptying the stages costs more than the products.
constexpr std::int64_t least_depth = 256;

const WgmmaTile& tile_of(const GpuTile& tile) {
  return std::get<WgmmaTile>(tile);
}

std::int64_t taps(const GpuProblem& problem) {
  return problem.layer.polyphase().max_taps();
}

// What a thread that multiplies needs: sums, fragments of all taps, addresses; later, where blocks share a reduction,
// those of another block beside its sums, all of which the compiler asks for at once.
int multiplying_registers(const GpuProblem& problem, const WgmmaTile& tile) {
  const int sums = 4 * tile.products().row_groups();
  const int multiplying = sums + 8 * static_cast<int>(taps(problem)) + 40;
  return tile.splits == 1 ? multiplying : std::max(multiplying + 24, 2 * sums + 30);
}
// What one that fetches does: inputs on their way.
int fetching_registers(const GpuProblem& problem, const WgmmaTile& tile) {
  const auto held = tile.products().held_words(problem.layer, gpu::warps_of_group);
  return static_cast<int>(held * MmaWeights{}.channels_per_word(problem.layer)) + 40;
}

// Of one thread, where all have as many.
int registers_without_exchange(const WgmmaTile& tile) {
  return tile.blocks_per_multiprocessor == 1 ? 255 : 128;
}

std::string why_illegal(const GpuProblem& problem, const GpuTile& any) {
  const WgmmaTile& tile = tile_of(any);
  const GpuTarget& target = problem.target;
  if (!target.has_wgmma) return "wgmma is an instruction of sm_90a";
  if (problem.spec.math != Math::fast) return "wgmma takes layers with fast math";
  if (problem.spec.dtype == DType::float64) return "wgmma takes no float64";
  if (problem.layer.polyphase().max_delay() > 0) return "wgmma takes layers whose phases read the same inputs";
  if (taps(problem) > most_taps) return "wgmma takes layers of at most 8 taps in a phase";
  for (const int value : {tile.inner_tiles, tile.outer_tiles, tile.slabs})
    if (value < 1 || value > 64) return "each number must be from 1 to 64";
  if (tile.warpgroups < 1 || tile.warpgroups > 2) return "warpgroups must be 1 or 2";
  if (tile.stages < 2 || tile.stages > 8) return "stages must be from 2 to 8";
  if (tile.blocks_per_multiprocessor < 1 || tile.blocks_per_multiprocessor * tile.warpgroups > 2)
    return "blocks_per_multiprocessor must be 1, or 2 of one warpgroup";
  const int row_groups = tile.products().row_groups();
  if (row_groups % 8 != 0 || row_groups > 32) return "inner_tiles * outer_tiles must be 8, 16, 24 or 32";
  if (MmaWeights{tile.order}.slabs(problem.layer) % tile.slabs != 0) return "slabs must divide those of the layer";
  if (std::string wrong = why_illegal_splits(tile.splits, tile.products().chunks(problem.layer)); !wrong.empty())
    return wrong;
  if (tile.shared_bytes(problem.layer) > target.shared_bytes_per_block) return "the tile does not fit shared memory";
  const int multiplying = tile.warpgroups == 2 ? WgmmaTile::consumer_registers : registers_without_exchange(tile);
  const int fetching = tile.warpgroups == 2 ? WgmmaTile::producer_registers : registers_without_exchange(tile);
  if (multiplying_registers(problem, tile) > multiplying || fetching_registers(problem, tile) > fetching)
    return "the tile does not fit the registers";
  return {};
}

// As many stages as fit, up to four: more hide nothing more.
bool choose_stages(const GpuProblem& problem, WgmmaTile& tile) {
  for (tile.stages = 4; tile.stages >= 2; --tile.stages) {
    if (!why_illegal(problem, tile).empty()) continue;
    const std::int64_t bytes = (tile.shared_bytes(problem.layer) + 1024) * tile.blocks_per_multiprocessor;
    if (bytes <= problem.target.shared_bytes_per_multiprocessor) return true;
  }
  return false;
}

void add_with_splits(const GpuProblem& problem, WgmmaTile tile, std::vector<GpuTile>& tiles) {
  for (const int splits : enumerated_splits) {
    if (splits > 1 && std::int64_t{2} * splits > tile.products().chunks(problem.layer)) break;
    tile.splits = splits;
    if (why_illegal(problem, tile).empty()) tiles.emplace_back(tile);
  }
}

std::vector<GpuTile> enumerate(const GpuProblem& problem) {
  std::vector<GpuTile> tiles;
  if (problem.layer.in_channels * taps(problem) < least_depth) return tiles;  // mma takes them
  for (const gpu::Rows order : {gpu::Rows::channels, gpu::Rows::phases})
    for (const int row_groups : {32, 16, 8})
      for (int outer = 1; outer <= row_groups; outer *= 2) {
        const MmaWeights packed{order};
        // No tile is twice as large as the layer in both directions.
        if (outer > 1 && outer / 2 >= packed.outer(problem.layer)) continue;
        const int inner = row_groups / outer;
        if (row_groups > 8 && inner > 1 && inner / 2 >= packed.inner(problem.layer)) continue;
        for (const int warpgroups : {2, 1})
          for (const int slabs : {1, 2, 4}) {
            WgmmaTile tile{
                .order = order, .inner_tiles = inner, .outer_tiles = outer, .warpgroups = warpgroups, .slabs = slabs};
            for (tile.blocks_per_multiprocessor = 2; tile.blocks_per_multiprocessor > 0;
                 --tile.blocks_per_multiprocessor)
              if (choose_stages(problem, tile)) {
                add_with_splits(problem, tile, tiles);
                break;
              }
          }
      }
  return tiles;
}

double predict(const GpuProblem& problem, const GpuTile& any, std::int64_t batch, std::int64_t columns) {
  const WgmmaTile& tile = tile_of(any);
  const gpu::MmaTile products = tile.products();
  const double words = 16.0 * tile.slabs * static_cast<double>(taps(problem));
  const double rate = problem.target.wgmma_per_cycle / 2.0;  // in words: TF32 is half as fast as two 16-bit channels
  const auto loads = static_cast<double>(products.held_words(problem.layer, gpu::warps_of_group) *
                                         MmaWeights{}.channels_per_word(problem.layer));
  const TensorStage stage = {.fetching = 1150 + 5.5 * loads,
                             .busy = products.columns * 8.0 * products.row_groups() * words / rate,
                             .cache_bytes = 30};
  return tensor_microseconds(problem, products, tile.blocks_per_multiprocessor, stage, 800, batch, columns);
}

std::string weight_layout(const GpuProblem&, const GpuTile& tile) {
  return "wgmma " + std::string(name_of(tile_of(tile).order, rows_names));
}

}  // namespace

const GpuStrategy wgmma = {GpuTileText<WgmmaTile>::name, enumerate, why_illegal, predict, weight_layout};

}  // namespace unstride::plan
