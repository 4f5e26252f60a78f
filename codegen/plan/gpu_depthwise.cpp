// One input channel in each group, on a GPU: the speed is that of memory.
#include <algorithm>
#include <cmath>

#include "codegen/plan/gpu_strategy.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using gpu::DepthwiseTile;

// Weights, a window and the sums of a thread stay in registers, and all taps are unrolled: more belong to ffma.
constexpr std::int64_t most_taps = 32, most_stride = 16, most_reach = 32, most_outputs = 32;

const DepthwiseTile& tile_of(const GpuTile& tile) {
  return std::get<DepthwiseTile>(tile);
}

std::string why_illegal(const GpuProblem& problem, const GpuTile& any) {
  const DepthwiseTile& tile = tile_of(any);
  if (problem.layer.in_channels != 1) return "depthwise takes layers with one input channel in each group";
  if (problem.spec.kernel_size > most_taps) return "depthwise takes kernels up to 32";
  if (problem.spec.stride > most_stride) return "depthwise takes strides up to 16";
  if (problem.polyphase.reach() > most_reach) return "depthwise takes taps up to 32 inputs back";
  if (tile.threads < 32 || tile.threads > 1024 || tile.threads % 32 != 0)
    return "threads must be a multiple of 32 up to 1024";
  if (tile.columns < 1 || tile.columns > 16 || tile.columns * problem.spec.stride > most_outputs)
    return "columns must be at most 16, and columns * stride at most 32";
  if (tile.shared_bytes(problem.layer) > problem.target.shared_bytes_per_block)
    return "the tile does not fit shared memory";
  return {};
}

std::vector<GpuTile> enumerate(const GpuProblem& problem) {
  std::vector<GpuTile> tiles;
  for (const int columns : {1, 2, 4, 8})
    for (const int threads : {32, 64, 128, 256}) {
      const DepthwiseTile tile{.columns = columns, .threads = threads};
      if (why_illegal(problem, tile).empty()) tiles.emplace_back(tile);
    }
  return tiles;
}

// Fitted to an H200: 248 calls of four layers in two types.
double predict(const GpuProblem& problem, const GpuTile& any, std::int64_t batch, std::int64_t columns) {
  const DepthwiseTile& tile = tile_of(any);
  const GpuTarget& target = problem.target;
  const double blocks = static_cast<double>(tile.blocks(problem.layer, batch, columns));
  const double words = static_cast<double>(problem.accumulator_bytes()) / 4;
  const double window = static_cast<double>(tile.columns + problem.polyphase.reach());
  const double outputs = static_cast<double>(tile.columns * problem.spec.stride);
  const double products = static_cast<double>(tile.columns * problem.spec.kernel_size);
  const double rate = (words > 1 ? target.float64_per_cycle : target.float32_per_cycle) / 32.0;
  // Instructions of a warp, which four schedulers issue: loads and their bounds, the products, and an output's way
  // through shared memory and its place in y.
  const double warp = std::max({(96 + 2 * products + 24 * words * outputs) / 4, products / rate, 2 * outputs * words});
  const int registers =
      static_cast<int>(words * (outputs + window + static_cast<double>(problem.spec.kernel_size)) + 24);
  const int resident =
      resident_blocks(target, tile.threads, tile.shared_bytes(problem.layer), std::min(registers, 255));
  const double blocks_each = blocks / target.multiprocessors;
  const double issuing =
      std::max(blocks_each, std::min<double>(resident, std::ceil(blocks_each))) * tile.threads / 32 * warp;
  const double waiting = 1330 * std::max(1.0, blocks_each / resident);
  const double computing = std::hypot(issuing, waiting) / target.gigahertz / 1e3;
  const double traffic = static_cast<double>(batch * columns * problem.spec.groups) *
                         static_cast<double>(1 + problem.layer.out_channels * problem.spec.stride) *
                         static_cast<double>(problem.element_bytes());
  return 1.0 + std::hypot(computing, traffic / target.memory_gigabytes / 1e3);
}

std::string weight_layout(const GpuProblem&, const GpuTile&) {
  return "depthwise";
}

}  // namespace

const GpuStrategy gpu_depthwise = {GpuTileText<DepthwiseTile>::name, enumerate, why_illegal, predict, weight_layout};

}  // namespace unstride::plan
