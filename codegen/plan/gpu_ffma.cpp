// The strict chain on a GPU: which tiles there are for a layer, and what they cost.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "codegen/plan/gpu_strategy.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using gpu::FfmaTile;
using support::ceil_div;

const FfmaTile& tile_of(const GpuTile& tile) {
  return std::get<FfmaTile>(tile);
}

int held_inputs(const GpuProblem& problem, const FfmaTile& tile) {
  return static_cast<int>(tile.held_inputs(problem.layer));
}

// Inputs that a column group keeps in registers, and the taps that they serve.
struct Window {
  int taps, inputs;
};
Window window_of(const GpuProblem& problem, const FfmaTile& tile) {
  if (!tile.has_window(problem.layer)) return {1, 4};
  const std::int64_t taps = std::min<std::int64_t>(4, problem.polyphase.max_taps());
  const std::int64_t before = support::round_up((taps - 1) * problem.polyphase.input_step, std::int64_t{4});
  return {static_cast<int>(taps), static_cast<int>(before + 4)};
}

// What a thread needs: sums, a window of inputs, weights, held inputs; addresses and counters, of which there are more
// where the reduction has a loop over taps or a shorter last round, and where phases are in several tiles. Compiled
// kernels of the corpus use about as many.
int registers(const GpuProblem& problem, const FfmaTile& tile) {
  const int words = static_cast<int>(problem.accumulator_bytes() / 4);
  const int columns = 4 * tile.column_groups, window = window_of(problem, tile).inputs * tile.column_groups;
  int others = 32;
  if (problem.polyphase.max_taps() > 2) others += 6;
  if (problem.polyphase.max_taps() > 4) others += 6;
  if (tile.shape().phase_tiles(problem.layer) > 1) others += 12;
  if (problem.layer.in_channels % tile.channel_block != 0) others += 6;
  return words * (tile.rows * columns + window + tile.rows + held_inputs(problem, tile)) + others;
}

bool is_power_of_two(int n) {
  return n > 0 && (n & (n - 1)) == 0;
}

std::string why_illegal(const GpuProblem& problem, const GpuTile& any) {
  const FfmaTile& tile = tile_of(any);
  for (const int value : {tile.rows, tile.row_threads, tile.other_threads, tile.column_groups, tile.column_threads,
                          tile.channel_block, tile.blocks_per_multiprocessor})
    if (value < 1 || value > 1024) return "each number must be from 1 to 1024";
  if (!is_power_of_two(tile.rows) || tile.rows > 16) return "rows must be 1, 2, 4, 8 or 16";
  if (tile.column_groups > 4) return "column_groups must be at most 4";
  if (std::int64_t{tile.row_threads} * tile.other_threads * tile.column_threads > 1024 || tile.threads() % 32 != 0)
    return "row_threads * other_threads * column_threads must be a multiple of 32 up to 1024";
  if (tile.blocks_per_multiprocessor > 16) return "blocks_per_multiprocessor must be at most 16";
  if (tile.order == gpu::Rows::phases && problem.spec.dilation != 1)
    return "order=phases takes layers without dilation: their phases read the same inputs";
  if (tile.tap_block < problem.polyphase.max_taps() && (tile.tap_block % 4 != 0 || tile.channel_block != 1))
    return "a tap_block below the taps of a phase must be a multiple of 4, with channel_block=1";
  if (tile.channel_block > problem.layer.in_channels) return "channel_block must be at most the channels of a group";
  if (tile.shared_bytes(problem.layer) > problem.target.shared_bytes_per_block)
    return "the tile does not fit shared memory";
  if (held_inputs(problem, tile) > 32) return "the inputs of a channel_block do not fit the registers";
  if (registers(problem, tile) > std::min(255, problem.target.registers_per_multiprocessor / tile.threads()))
    return "the tile does not fit the registers";
  return {};
}

// How many blocks a multiprocessor should hold, at most: enough to hide what one of them waits for. The compiler is
// given a few registers more than were counted, so that it never spills; where it does without, more blocks fit than
// this.
int blocks_per_multiprocessor(const GpuProblem& problem, const FfmaTile& tile) {
  const int resident = resident_blocks(problem.target, tile.threads(), tile.shared_bytes(problem.layer),
                                       support::round_up(registers(problem, tile) + 24, 8));
  return std::min(resident, std::max(1, 1024 / tile.threads()));
}

// As many channels at a time as fit a stage of so many bytes, and so many bytes of inputs that a thread holds.
void choose_blocks(const GpuProblem& problem, std::int64_t stage_bytes, std::int64_t held_bytes, FfmaTile& tile) {
  const std::int64_t bytes = problem.accumulator_bytes();
  const std::int64_t taps = problem.polyphase.max_taps();
  tile.channel_block = 1;
  tile.tap_block = static_cast<int>(taps);
  const std::int64_t fitting = std::max<std::int64_t>(4, stage_bytes / bytes / tile.tile_rows() / 4 * 4);
  if (taps > fitting) {
    tile.tap_block = static_cast<int>(fitting);
    return;
  }
  const std::int64_t inputs_of_channel = tile.shares_input(problem.layer) ? tile.input_pitch(problem.layer) : 0;
  const auto fits = [&](int channels) {
    FfmaTile wider = tile;
    wider.channel_block = channels;
    return (taps * tile.tile_rows() + inputs_of_channel) * channels * bytes <= stage_bytes + (4 << 10) &&
           wider.held_inputs(problem.layer) * bytes <= held_bytes;
  };
  int best = 1;
  for (int channels = 2; channels <= std::min<std::int64_t>(32, problem.layer.in_channels) && fits(channels);
       ++channels) {
    // A last block of fewer channels would need a loop of its own.
    const bool divides = problem.layer.in_channels % channels == 0;
    if (divides || channels >= 2 * best) best = channels;
  }
  tile.channel_block = best;
}

// Large stages, which are worth their barriers and what it takes to fill them, unless fewer blocks fit beside each
// other. Whether the tile is legal then.
bool choose_stages(const GpuProblem& problem, FfmaTile& tile) {
  choose_blocks(problem, 16 << 10, 20, tile);
  if (!why_illegal(problem, tile).empty()) return false;
  tile.blocks_per_multiprocessor = blocks_per_multiprocessor(problem, tile);
  FfmaTile larger = tile;
  choose_blocks(problem, 32 << 10, 40, larger);
  if (why_illegal(problem, larger).empty() &&
      blocks_per_multiprocessor(problem, larger) == tile.blocks_per_multiprocessor)
    tile = larger;
  return true;
}

// Row threads that cover `count` with this many each: the powers of two up to the first that suffices, and what just
// suffices.
std::vector<int> thread_counts(std::int64_t count, int each, int most) {
  std::vector<int> result;
  const std::int64_t needed = ceil_div(count, std::int64_t{each});
  for (int threads = 1; threads <= most; threads *= 2) {
    result.push_back(threads);
    if (threads >= needed) break;
  }
  if (needed <= most && std::ranges::find(result, needed) == result.end()) result.push_back(static_cast<int>(needed));
  return result;
}

std::vector<GpuTile> enumerate(const GpuProblem& problem) {
  std::vector<GpuTile> tiles;
  const bool doubles = problem.accumulator_bytes() == 8;
  const std::int64_t channels = problem.layer.out_channels, phases = problem.polyphase.phases();
  struct Shape {
    int rows, column_groups;
  };
  constexpr std::array shapes = {Shape{8, 2}, Shape{8, 1}, Shape{4, 2}, Shape{4, 1}, Shape{2, 1}, Shape{1, 1}};
  for (const gpu::Rows order : {gpu::Rows::channels, gpu::Rows::phases}) {
    const bool by_channels = order == gpu::Rows::channels;
    const std::int64_t inner = by_channels ? channels : phases, outer = by_channels ? phases : channels;
    if (!by_channels && problem.spec.dilation != 1) continue;
    for (const Shape& shape : shapes) {
      if (doubles && shape.rows * shape.column_groups > 8) continue;
      // A thread that is half empty is another shape's.
      if (shape.rows > 1 && inner <= shape.rows / 2) continue;
      for (const int row_threads : thread_counts(inner, shape.rows, 64))
        for (const int other_threads : thread_counts(outer, 1, 64 / row_threads))
          for (const int column_threads : {2, 4, 8, 16, 32, 64, 128}) {
            FfmaTile tile{.order = order,
                          .rows = shape.rows,
                          .row_threads = row_threads,
                          .other_threads = other_threads,
                          .column_groups = shape.column_groups,
                          .column_threads = column_threads};
            if (tile.threads() < 32 || tile.threads() > 256 || tile.threads() % 32 != 0) continue;
            if (tile.tile_rows() > 256) continue;
            if (choose_stages(problem, tile)) tiles.emplace_back(tile);
          }
    }
  }
  return tiles;
}

// Cycles of one block for one tap of one channel, alone on a multiprocessor and with others beside it.
struct StepCycles {
  double alone, shared;
};

// Words of shared memory that a thread reads for one tap of one channel. A window of inputs serves several taps, else
// each is read for each tap.
double words_of_step(const GpuProblem& problem, const FfmaTile& tile) {
  const double words = static_cast<double>(problem.accumulator_bytes()) / 4;
  if (!tile.has_window(problem.layer)) return words * (tile.rows + 4.0 * tile.column_groups);
  const int taps = window_of(problem, tile).taps;
  const auto reach = static_cast<unsigned>((taps - 1) * problem.polyphase.input_step);
  const double before = reach == 0 ? 0 : std::bit_ceil(reach);
  return words * (tile.rows + tile.column_groups * (4 + before) / taps);
}

// Fitted, as is predict, to an H200: 374 tiles in nine calls.
StepCycles step_cycles(const GpuProblem& problem, const FfmaTile& tile) {
  const bool doubles = problem.accumulator_bytes() == 8;
  const double warps = tile.threads() / 32.0, multiplications = tile.rows * 4.0 * tile.column_groups;
  const double rate =
      (doubles ? problem.target.float64_per_cycle : problem.target.float32_per_cycle) / 32.0;  // warps a cycle
  // Three of four cycles multiply, also without a barrier or a copy beside them: operands in one bank of registers, it
  // seems. A word of each lane takes shared memory nearly a cycle, also where lanes read the same.
  const double multiplying = 1.35 * multiplications / rate;
  const double spread = tile.shares_input(problem.layer) ? 1 : 8;  // the slow way to read inputs
  const double busy = warps * std::max(multiplying, spread * 0.85 * words_of_step(problem, tile));
  // One warp alone waits for its operands, and each multiplication for the one before on the same sum.
  const double taps = std::min<double>(4, static_cast<double>(problem.polyphase.max_taps()));
  const double waiting = std::max(4.0, 1.28 * multiplications) + 80 / (taps * tile.unrolled_channels(problem.layer));
  return {std::max(busy, waiting * std::max(1.0, 0.87 * std::ceil(warps / 4))), busy};
}

double predict(const GpuProblem& problem, const GpuTile& any, std::int64_t batch, std::int64_t columns) {
  const FfmaTile& tile = tile_of(any);
  const GpuTarget& target = problem.target;
  const double blocks = static_cast<double>(tile.blocks(problem.layer, batch, columns));
  const int resident = resident_blocks(target, tile.threads(), tile.shared_bytes(problem.layer),
                                       support::round_up(registers(problem, tile), 8));
  const double bytes = static_cast<double>(problem.accumulator_bytes());
  const double steps = static_cast<double>(problem.layer.in_channels * problem.polyphase.max_taps());
  const StepCycles step = step_cycles(problem, tile);

  const double outputs =
      static_cast<double>(tile.shape().channels * std::min<std::int64_t>(tile.shape().phases, problem.spec.stride)) *
      tile.columns();
  const double storing = 20 * outputs / tile.threads();
  const double chunk_steps =
      static_cast<double>(tile.channels_in_memory(problem.layer) * tile.taps_in_memory(problem.layer));
  const double chunks = steps / chunk_steps;
  // A stage is filled while the one before is multiplied; its inputs pass through registers. Its barrier, and what is
  // computed once for all of it, come on top. A warp's outputs take its scheduler 28 cycles to store, fitted to
  // depthwise layers, which do little else.
  const double filling = 3.2 * tile.threads() / 32 * held_inputs(problem, tile);
  const auto block_cycles = [&](double together) {
    return chunks * (std::max(chunk_steps * step.alone, (chunk_steps * step.shared + filling) * together) + 240) +
           storing + 7 * outputs / 32 * together;
  };
  const double slots = static_cast<double>(target.multiprocessors) * resident;
  const double whole_waves = std::floor(blocks / slots);
  const double rest = blocks - whole_waves * slots;
  double cycles = whole_waves * block_cycles(resident);
  if (rest > 0) cycles += block_cycles(std::ceil(rest / target.multiprocessors));
  // Beyond a few waves, blocks do not end together.
  if (whole_waves > 4) cycles = blocks / slots * block_cycles(resident) + 0.5 * block_cycles(1);

  // Every block reads its weights and its inputs from the second-level cache.
  const double from_l2 = blocks * steps *
                         (tile.tile_rows() * bytes + static_cast<double>(tile.input_pitch(problem.layer)) *
                                                         static_cast<double>(problem.element_bytes()) /
                                                         static_cast<double>(problem.polyphase.max_taps()));
  const double l2_gigabytes = 24.0 * target.multiprocessors * target.gigahertz;
  const double traffic =
      static_cast<double>(batch * columns) *
          static_cast<double>(problem.spec.in_channels + problem.spec.out_channels * problem.spec.stride) *
          static_cast<double>(problem.element_bytes()) +
      static_cast<double>(problem.spec.weight_count()) * bytes;
  const double computing = cycles / target.gigahertz / 1e3, reading = from_l2 / l2_gigabytes / 1e3;
  const double streaming = traffic / target.memory_gigabytes / 1e3;
  // These overlap, yet none is free while another is nearly as long.
  const auto fourth_power = [](double value) { return value * value * value * value; };
  const double microseconds =
      std::sqrt(std::sqrt(fourth_power(computing) + fourth_power(reading) + fourth_power(streaming)));
  return 1.6 + microseconds;
}

std::string weight_layout(const GpuProblem&, const GpuTile& tile) {
  return "ffma " + std::string(name_of(tile_of(tile).order, rows_names));
}

}  // namespace

const GpuStrategy ffma = {GpuTileText<FfmaTile>::name, enumerate, why_illegal, predict, weight_layout};

}  // namespace unstride::plan
