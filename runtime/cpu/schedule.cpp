#include "runtime/cpu/schedule.h"

#include <algorithm>
#include <cmath>

#include "support/checked_math.h"

namespace unstride::cpu {

namespace {

using support::ceil_div;
using support::round_up;

// Below this many multiply-adds for each thread (some ten microseconds) waking one costs more than it saves.
constexpr double multiply_adds_per_thread = 3e5;

// Items for each thread, so that one that is held up leaves the rest to the others.
constexpr std::int64_t items_per_thread = 4;

int useful_threads(const plan::CpuProblem& problem, std::int64_t batch, std::int64_t columns, int threads) {
  const double multiply_adds =
      static_cast<double>(batch) * static_cast<double>(columns) * static_cast<double>(problem.spec.weight_count());
  return static_cast<int>(std::clamp(multiply_adds / multiply_adds_per_thread, 1.0, static_cast<double>(threads)));
}

}  // namespace

Schedule schedule(const plan::CpuProblem& problem, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry,
                  std::int64_t batch, int threads, KernelArguments& arguments) {
  Schedule result;
  result.threads = useful_threads(problem, batch, arguments.columns, threads);
  const std::int64_t tiles = geometry.weights.tiles();
  const std::int64_t wanted = result.threads == 1 ? 1 : items_per_thread * result.threads;
  const std::int64_t outer = batch * problem.spec.groups;

  // Column blocks of equal size. More blocks than the panel size asks for only where there are too few items, and
  // not narrower than a few tiles and the reach: each packs its own panel and reads all weights again.
  const std::int64_t narrowest =
      round_up(std::max(4 * geometry.tile_columns, 2 * problem.polyphase.reach()), geometry.tile_columns);
  std::int64_t blocks = ceil_div(arguments.columns, plan.column_block);
  const bool weights_are_small = tiles <= std::int64_t{2} * result.threads;
  if (outer * blocks < wanted && weights_are_small)
    blocks = std::max(blocks, std::min(ceil_div(wanted, outer), arguments.columns / narrowest));
  arguments.block_columns =
      std::min(round_up(ceil_div(arguments.columns, blocks), geometry.tile_columns), plan.column_block);
  arguments.column_blocks = ceil_div(arguments.columns, arguments.block_columns);

  // Row chunks: each packs the same panel again. Outputs without taps are filled by whoever has all rows.
  std::int64_t chunks = 1;
  if (outer * arguments.column_blocks < wanted && !problem.polyphase.has_bias_only_phases())
    chunks = std::min(tiles, ceil_div(wanted, outer * arguments.column_blocks));
  arguments.chunk_tiles = ceil_div(tiles, chunks);
  arguments.row_chunks = ceil_div(tiles, arguments.chunk_tiles);

  result.items = outer * arguments.column_blocks * arguments.row_chunks;
  result.threads = static_cast<int>(std::min<std::int64_t>(result.threads, result.items));
  result.grain = std::max<std::int64_t>(1, result.items / (result.threads * items_per_thread * 2));
  return result;
}

}  // namespace unstride::cpu
