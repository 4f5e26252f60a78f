#include "codegen/plan/gpu_tensor_cost.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/checked_math.h"

namespace unstride::plan {

namespace {

// 32 bytes of y each, that a block stores. Where it has not all phases, those of a column lie apart from the next's.
double sectors_of(const GpuProblem& problem, const gpu::BlockShape& shape) {
  const gpu::Layer& layer = problem.layer;
  const double run = static_cast<double>(std::min<std::int64_t>(shape.phases, layer.polyphase().phases())) *
                     gpu::size_of(layer.element) / 32;
  const auto channels = static_cast<double>(std::min<std::int64_t>(shape.channels, layer.out_channels));
  return channels * shape.columns * (shape.phase_tiles(layer) == 1 ? run : std::ceil(run));
}

// Of a block: where an output lies is computed once for all channels.
double storing_cycles(const gpu::BlockShape& shape, int threads) {
  const double places = static_cast<double>(shape.phases) * shape.columns;
  return (15 + 6.5 * shape.channels) * places / threads;
}

// What sharing costs the last block: its sums written and counted, those of all read again.
double split_cycles(const gpu::SplitTile& tile) {
  if (tile.splits == 1) return 0;
  const auto slice = static_cast<double>(tile.slice_bytes());
  return 0.07 * slice + tile.splits * std::max(slice / 64, 250.0);
}

// Of a launch that hides its reading behind its computing: x, y and the weights come from memory once.
double launch_microseconds(const GpuProblem& problem, std::int64_t batch, std::int64_t columns, double cycles) {
  const GpuTarget& target = problem.target;
  const double memory_bytes =
      static_cast<double>(problem.element_bytes()) *
      (static_cast<double>(batch * columns) *
           static_cast<double>(problem.spec.in_channels + problem.spec.out_channels * problem.spec.stride) +
       static_cast<double>(problem.spec.weight_count()));
  return 2.0 + std::max(cycles / target.gigahertz, memory_bytes / target.memory_gigabytes) / 1e3;
}

}  // namespace

double tensor_microseconds(const GpuProblem& problem, const gpu::MmaTile& tile, int resident, const TensorStage& stage,
                           double start_cycles, std::int64_t batch, std::int64_t columns) {
  const gpu::BlockShape shape = tile.shape();
  if (!may_split(problem.target, shape.blocks(problem.layer, batch, columns), tile.splits))
    return std::numeric_limits<double>::infinity();
  const auto stages = static_cast<double>(support::ceil_div(tile.chunks(problem.layer), std::int64_t{tile.splits}));
  const double bytes = 4.0 * static_cast<double>(tile.weight_words(problem.layer) + tile.input_words(problem.layer));
  const double ends = start_cycles + storing_cycles(shape, tile.threads()) + 120.0 * (tile.depth_warps - 1) +
                      split_cycles(tile.split());
  const double sectors = sectors_of(problem, shape), multiprocessors = problem.target.multiprocessors;

  // A block's, while so many of them run on each of so many multiprocessors.
  const auto cycles_of = [&](double together, double active) {
    const double cache_bytes = std::min(64.0, stage.cache_bytes * multiprocessors / active);
    const double longest = std::max({stage.fetching, stage.busy * together, bytes * together / cache_bytes});
    return stages * longest + ends + 0.74 * sectors * together;
  };
  const auto blocks = static_cast<double>(tile.blocks(problem.layer, batch, columns));
  const double slots = multiprocessors * resident;
  const double whole_waves = std::floor(blocks / slots), rest = blocks - whole_waves * slots;
  double cycles = whole_waves * cycles_of(resident, multiprocessors);
  if (rest > 0) cycles += cycles_of(std::max(1.0, rest / multiprocessors), std::min(rest, multiprocessors));
  return launch_microseconds(problem, batch, columns, cycles);
}

}  // namespace unstride::plan
