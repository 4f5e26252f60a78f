// The matrix unit's tiles, under fast math: 16 columns by 16 rows (channel, phase), over 32 input channels of one tap
// at a time. Deep layers with many rows.
//
// Runs are those of row_lanes. A tile of several matrix tiles loads each operand once for all products with it: two by
// two is as many as there are registers for. Input channels are filled up to a multiple of 32 with zeros.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "codegen/plan/cpu_strategy.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using support::ceil_div;
using support::round_up;

constexpr std::int64_t registers = 8;

const AmxTiles& tile_of(const CpuPlan& plan) {
  return std::get<AmxTiles>(plan.tile);
}

std::int64_t tile_columns(const CpuProblem&, const CpuPlan& plan) {
  return AmxTiles::size * tile_of(plan).columns;
}
std::int64_t tail_columns(const CpuProblem&, const CpuPlan& plan) {
  return AmxTiles::size * tile_of(plan).tail_columns;
}

std::vector<RowRun> runs(const CpuProblem& problem, const CpuPlan& plan) {
  return row_runs(problem, AmxTiles::size * tile_of(plan).rows, AmxTiles::size);
}

// A line about the tile that waits, the sums of two tiles, and outputs made of one.
std::int64_t stage_elements(const CpuProblem& problem, const CpuPlan& plan) {
  const std::int64_t sums = AmxTiles::size * tile_of(plan).rows * tile_columns(problem, plan);
  return AmxTiles::line_elements + (problem.converts() ? 3 : 2) * sums;
}

std::string why_illegal(const CpuProblem& problem, const CpuPlan& plan) {
  const AmxTiles& tile = tile_of(plan);
  if (problem.spec.math != Math::fast) return "amx_tiles is for fast math";
  if (problem.spec.dtype == DType::float64) return "amx_tiles is not for float64";
  if (!problem.target.matrix_unit) return "the target has no matrix unit";
  if (!bfloat16_parts(problem.spec.dtype, tile.input_parts))
    return "input_parts must be 1 for bfloat16, 2 for float16, 2 or 3 for float32";
  if (tile.rows < 1 || tile.columns < 1 || tile.tail_columns < 1) return "rows, columns and tail must be at least 1";
  if (tile.columns % tile.tail_columns != 0) return "columns must be a multiple of tail";
  if (tile.rows * tile.columns + tile.rows + tile.columns > registers) return "the tile does not fit the registers";
  if (plan.input == Input::direct) return "the matrix unit reads a packed input";
  if (plan.prefetch == Prefetch::input) return "the matrix unit asks for weights alone";
  if (plan.channel_block % AmxTiles::channels != 0 && plan.channel_block < problem.in_channels())
    return "channel_block must be a multiple of 32";
  return {};
}

// That a core reads in a cycle from the third-level cache, in a stream that the hardware follows.
constexpr double far_weight_bytes = 8.7;

std::int64_t column_bytes(const CpuProblem& problem, const CpuPlan& plan) {
  return std::int64_t{2} * tile_of(plan).input_parts * round_up(problem.in_channels(), AmxTiles::channels);
}

// Strips so narrow that the tiles of a few channels stay in the first-level cache, and so wide that the reach, which
// each repeats, is a small part.
CpuPlan with_panel(const CpuProblem& problem, CpuPlan plan, std::int64_t panel_bytes) {
  const std::int64_t columns = tile_columns(problem, plan), reach = problem.polyphase.reach();
  plan.strip = round_up(std::max<std::int64_t>(128, 4 * reach), columns);
  const std::int64_t strips =
      std::min(panel_bytes / ((plan.strip + reach) * column_bytes(problem, plan)), 1024 / plan.strip);
  plan.column_block = plan.strip * std::max<std::int64_t>(1, strips);
  return plan;
}

std::vector<CpuPlan> enumerate(const CpuProblem& problem) {
  std::vector<CpuPlan> plans;
  std::vector<std::int64_t> channel_blocks = {problem.in_channels()};
  for (const std::int64_t block : {512, 256, 128, 64})
    if (block < problem.in_channels()) channel_blocks.push_back(block);
  const std::int64_t l2_bytes = problem.target.l2_bytes;
  for (AmxTiles tile : {AmxTiles{2, 2, 1}, AmxTiles{1, 3, 1}, AmxTiles{1, 2, 1}, AmxTiles{3, 1, 1}})
    for (const Bfloat16Parts& parts : bfloat16_parts(problem.spec.dtype)) {
      tile.input_parts = parts.inputs;
      CpuPlan plan{.tile = tile, .unrolled_taps = 2};
      if (!why_illegal(problem, plan).empty()) continue;
      for (const std::int64_t panel_bytes : {l2_bytes / 2, l2_bytes * 3 / 4, l2_bytes * 2}) {
        const CpuPlan wider = with_panel(problem, plan, panel_bytes);
        if (wider.column_block == plan.column_block) continue;
        plan = wider;
        for (const std::int64_t block : channel_blocks)
          for (const Prefetch prefetch : {Prefetch::none, Prefetch::weights}) {
            plan.channel_block = block;
            plan.prefetch = prefetch;
            plans.push_back(plan);
          }
      }
    }
  return plans;
}

// Weights of a row tile with so many input channels.
std::int64_t packed_bytes(const CpuProblem& problem, const CpuPlan& plan, const RowRun& run, std::int64_t channels) {
  const std::int64_t parts = amx_parts(problem, plan).weights;
  return std::int64_t{2} * parts * run.rows * run.taps * round_up(channels, AmxTiles::channels);
}

// What a panel's columns take in `cycles` if all weights are in the second-level cache, with what it takes to bring
// `bytes` of weights there. One tile of all columns computes while its weights come, the less the more columns it has.
// Several stop the stream between two row tiles, the longer the more they are, unless they ask for what comes: then,
// the more products there are the more of it they hide.
double with_far_weights(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns, double cycles,
                        std::int64_t bytes) {
  const double stream = static_cast<double>(bytes) / far_weight_bytes;
  const double squares = static_cast<double>(ceil_div(columns, AmxTiles::size));
  if (plan.prefetch == Prefetch::weights) return cycles + stream * std::clamp(1.2 - 0.045 * squares, 0.3, 1.2);
  if (columns <= tile_columns(problem, plan))
    return std::max(cycles, stream) + std::min(cycles, stream) * std::min(1.0, squares / 4);
  return cycles + stream * std::min(0.9 + 0.1 * squares, 2.0);
}

// All cycles, with what it takes to bring from beyond the second-level cache: all weights for each panel; for each row
// tile what the panel is larger than most of that cache; for each column tile what does not fit beside the panel of a
// channel block's weights, and of those that tiles ask for meanwhile.
double with_far_memory(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns, double cycles) {
  const bool asks = plan.prefetch == Prefetch::weights;
  const std::vector<RowRun> all_runs = runs(problem, plan);
  const auto panels = static_cast<double>(ceil_div(columns, plan.column_block));
  const std::int64_t panel_columns = std::min(columns, plan.column_block);
  const std::int64_t panel_bytes = panel_columns * column_bytes(problem, plan);
  const std::int64_t room = problem.target.l2_bytes * 3 / 4;
  const double column_tiles = static_cast<double>(ceil_div(columns, tile_columns(problem, plan)));
  std::int64_t all_bytes = 0;
  for (const RowRun& run : all_runs) all_bytes += run.tiles() * packed_bytes(problem, plan, run, problem.in_channels());
  if (all_bytes + panel_bytes > room)
    cycles = panels * with_far_weights(problem, plan, panel_columns, cycles / panels, all_bytes);
  else if (asks)
    cycles += panels * static_cast<double>(all_bytes) / 40;  // in vain
  for (const RowRun& run : all_runs) {
    const auto tiles = static_cast<double>(run.tiles());
    const std::int64_t bytes = packed_bytes(problem, plan, run, problem.in_channels());
    cycles += panels * tiles * static_cast<double>(std::max<std::int64_t>(0, panel_bytes - room)) / 20;
    const std::int64_t block_bytes = std::min(bytes, packed_bytes(problem, plan, run, plan.channel_block));
    const std::int64_t overflow = block_bytes * (asks ? 2 : 1) + std::min(panel_bytes, room) - room;
    const double overflowing = static_cast<double>(std::clamp<std::int64_t>(overflow, 0, block_bytes)) /
                               static_cast<double>(block_bytes);  // of all weights
    cycles +=
        std::max(0.0, column_tiles - panels) * tiles * overflowing * static_cast<double>(bytes) / far_weight_bytes;
  }
  return asks ? 1.02 * cycles : cycles;
}

// What codegen/cpu/amx_outputs.cpp does with the sums of one tile: vectors that are transposed, those of bfloat16 at
// half the shuffles, and spread where columns leave gaps; or pieces of one channel and column each.
double output_cycles(const CpuProblem& problem, const RowRun& run, std::int64_t columns) {
  const std::int64_t lanes = problem.lanes, phases = run.phases;
  if (!amx_outputs_fill_vectors(problem, run)) {
    const double vectors_of_a_piece = static_cast<double>(ceil_div(phases, lanes));
    const double pieces_of_a_vector = static_cast<double>(amx_columns_of_a_vector(problem, run));
    return static_cast<double>(run.channels * columns) * (1.5 * vectors_of_a_piece + 2.0 / pieces_of_a_vector);
  }
  const std::int64_t channels_at_once = lanes / phases;
  const double shuffles = std::log2(static_cast<double>(channels_at_once));
  const double vectors = static_cast<double>(run.channels * columns) / static_cast<double>(channels_at_once);
  const std::int64_t width = (channels_at_once - 1) * problem.spec.stride + phases;
  const double spread = phases == problem.spec.stride ? 0 : 2.0 * static_cast<double>(ceil_div(width, lanes));
  return vectors * (problem.spec.dtype == DType::bfloat16 ? 3.0 + (shuffles + spread) / 2 : 3.5 + shuffles + spread);
}

// Loads of one operand for all products: those that need another part of it than the one before.
double loads_of(const Bfloat16Parts& parts, int Bfloat16Parts::Product::*operand) {
  int loads = 0, loaded = -1;
  for (const auto& product : parts.products) loads += std::exchange(loaded, product.*operand) != product.*operand;
  return loads;
}

// Of 32 channels by 16 columns of the panel.
double square_cycles(const CpuProblem& problem, const CpuPlan& plan) {
  constexpr std::array of_parts = {260.0, 420.0, 650.0};  // the rests that three parts leave do not fit the registers
  return amx_moves_inputs(problem) ? 115 : of_parts[static_cast<std::size_t>(tile_of(plan).input_parts - 1)];
}

double predict(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  const AmxTiles& tile = tile_of(plan);
  const Bfloat16Parts& parts = amx_parts(problem, plan);
  const auto products = static_cast<double>(parts.products.size());
  const auto channel_blocks = static_cast<double>(ceil_div(problem.in_channels(), AmxTiles::channels));
  const auto visits = static_cast<double>(ceil_div(problem.in_channels(), plan.channel_block));
  const auto [whole, tails] = expected_tiles(columns, tile_columns(problem, plan), tail_columns(problem, plan));
  double cycles = 0;
  for (const RowRun& run : runs(problem, plan)) {
    const std::int64_t row_tiles = run.rows / AmxTiles::size;
    // A product takes 16 cycles. A load of a matrix tile takes 8 from the first-level cache, where the weights of all
    // strips are if they leave it room for the inputs that go by, and about 24 from the second; inputs are read once
    // from there and once more for each further tap.
    const double weight_bytes = static_cast<double>(std::int64_t{2} * parts.weights * run.taps * run.rows) *
                                static_cast<double>(std::min(plan.channel_block, problem.in_channels()));
    const double weight_load = weight_bytes < static_cast<double>(problem.target.l1_bytes) * 0.4 ? 8 : 24;
    const auto tile_cycles = [&](std::int64_t column_tiles) {
      const double tiles = static_cast<double>(row_tiles * column_tiles);
      const double loads =
          loads_of(parts, &Bfloat16Parts::Product::weight) * static_cast<double>(row_tiles) * weight_load +
          loads_of(parts, &Bfloat16Parts::Product::input) * static_cast<double>(column_tiles) * 16;
      const double steps = static_cast<double>(run.taps) * channel_blocks;
      const double reduction = steps * (std::max(products * tiles * 16, loads) + 4);
      const double calls = visits * (tiles * 50 + 60);
      const double outputs = output_cycles(problem, run, column_tiles * AmxTiles::size);
      return reduction + calls + outputs;
    };
    cycles +=
        static_cast<double>(run.tiles()) * (whole * tile_cycles(tile.columns) + tails * tile_cycles(tile.tail_columns));
  }

  const std::int64_t reach = problem.polyphase.reach(), last = (columns - 1) % plan.strip + 1;
  const std::int64_t whole_strips = (columns - last) / plan.strip;
  const std::int64_t groups =
      whole_strips * ceil_div(plan.strip + reach, AmxTiles::size) + ceil_div(last + reach, AmxTiles::size);
  cycles += static_cast<double>(groups) * channel_blocks * square_cycles(problem, plan);
  // The matrix unit is configured for each call, and the processor's clock is lower while it works.
  constexpr double configuring = 3000, lower_clock = 1.15;
  return with_far_memory(problem, plan, columns, configuring + lower_clock * cycles);
}

}  // namespace

bool amx_outputs_fill_vectors(const CpuProblem& problem, const RowRun& run) {
  const std::int64_t lanes = problem.lanes, phases = run.phases;
  // Between the phases of two columns are those of other runs: few vectors of y have some.
  if (phases < problem.spec.stride && (phases > 4 || problem.spec.stride > 8 * phases)) return false;
  return lanes % phases == 0 && run.channels % (lanes / phases) == 0;
}

std::int64_t amx_columns_of_a_vector(const CpuProblem& problem, const RowRun& run) {
  return run.phases > problem.lanes ? 1 : (problem.lanes - run.phases) / problem.spec.stride + 1;
}

const Bfloat16Parts& amx_parts(const CpuProblem& problem, const CpuPlan& plan) {
  return *bfloat16_parts(problem.spec.dtype, tile_of(plan).input_parts);
}

bool amx_moves_inputs(const CpuProblem& problem) {
  return problem.spec.dtype == DType::bfloat16 && problem.spec.prologue.op == Activation::Op::none;
}

const CpuStrategy amx_tiles = {AmxTiles::name, enumerate,    why_illegal,  predict,
                               runs,           tile_columns, tail_columns, stage_elements};

}  // namespace unstride::plan
