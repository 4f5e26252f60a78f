#include "codegen/plan/cpu_strategy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "support/checked_math.h"

namespace unstride::plan {

namespace {

constexpr std::array strategies = {&row_lanes, &phase_lanes, &column_lanes, &depthwise, &row_pairs, &amx_tiles};

}  // namespace

std::span<const CpuStrategy* const> cpu_strategies() {
  return strategies;
}

const CpuStrategy& strategy_of(const CpuPlan& plan) {
  return *std::ranges::find(strategies, plan.strategy(), [](const CpuStrategy* s) { return s->name; })[0];
}

CpuProblem::CpuProblem(const LayerSpec& layer, const CpuTarget& cpu)
    : spec(layer), target(cpu), polyphase(layer), lanes(plan::lanes(layer, cpu.vector_bytes)) {}

namespace {

// Elements between two input channels of a packed strip.
std::int64_t panel_pitch(const CpuProblem& problem, const CpuPlan& plan) {
  const std::int64_t pitch = support::round_up(plan.strip + problem.polyphase.reach(), problem.lanes);
  // Rows a multiple of 4096 bytes apart would fall into the same few lines of the L1 cache.
  return pitch * problem.element_bytes() % 1024 == 0 ? pitch + problem.lanes : pitch;
}

}  // namespace

CpuGeometry::CpuGeometry(const CpuProblem& problem, const CpuPlan& plan) {
  const CpuStrategy& strategy = strategy_of(plan);
  weights.runs = strategy.runs(problem, plan);
  weights.in_channels = problem.in_channels();
  tile_columns = strategy.tile_columns(problem, plan);
  tail_columns = strategy.tail_columns(problem, plan);
  tail_reach = plan::tail_reach(tile_columns, tail_columns);
  overhang = std::max(tail_columns, tile_columns - tail_reach) - 1;

  panel_pitch = plan::panel_pitch(problem, plan);
  column_step = 1;
  if (plan.reads_pairs()) {  // [pair of channels][column][channel], two bytes each
    weights.parts = 1;
    weights.channels_at_once = 2;
    panel_pitch /= 2;
  }
  if (plan.uses_matrix_unit()) {  // [32 channels][part][column][channel], two bytes each
    const Bfloat16Parts& parts = amx_parts(problem, plan);
    weights.parts = parts.weights;
    weights.channels_at_once = AmxTiles::channels;
    column_step = AmxTiles::channels / 2;
    panel_pitch = support::round_up(plan.strip + problem.polyphase.reach(), AmxTiles::size) * parts.inputs / 2;
  }
  weights.taps_apart = plan.leaves_out_border();
  weights.packed_channels = support::round_up(problem.in_channels(), weights.channels_at_once);
  strip_elements = panel_pitch * weights.packed_channels;
  panel_elements = strategy.reads_x ? 0 : plan.column_block / plan.strip * strip_elements;

  // A copy from the stage may read a vector past its end.
  stage_elements = support::round_up(strategy.stage_elements(problem, plan) + problem.lanes, problem.lanes);
  accumulator_elements = 0;
  if (plan.channel_block < problem.in_channels())
    for (const RowRun& run : weights.runs)
      accumulator_elements = std::max(accumulator_elements, run.rows * plan.column_block);
  scratch_bytes = (panel_elements + stage_elements + accumulator_elements) * problem.element_bytes();
}

namespace {

// Rows that the hardware's prefetching follows at once.
constexpr std::int64_t followed_rows = 16;

// Weights of a row tile that are used for all columns of a panel, while the next are asked for: they and the panel stay
// in the second-level cache. More of them are partly gone when their turn comes; fewer cost more visits of the sums.
constexpr std::int64_t block_weight_bytes = 96 << 10;

// Input channels with so many weights: a power of two.
std::int64_t channels_of_a_block(const CpuProblem& problem, const CpuPlan& plan) {
  std::int64_t bytes = 1;  // of one channel
  for (const RowRun& run : strategy_of(plan).runs(problem, plan))
    bytes = std::max(bytes, run.taps * run.rows * problem.element_bytes());
  const std::int64_t channels = std::max(followed_rows, block_weight_bytes / bytes);
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(channels)));
}

void choose_blocks(const CpuProblem& problem, std::int64_t tile_columns, CpuPlan& plan) {
  const std::int64_t reach = problem.polyphase.reach();
  // Input channels of a strip lie close together, where prefetching sees them: a strip is one tile, unless the reach,
  // which each strip repeats, would then be most of it.
  plan.strip = tile_columns * std::max<std::int64_t>(1, support::ceil_div(4 * reach, tile_columns));
  // What a channel block reads of a panel stays in half of the second-level cache; beyond 1024 columns nothing is
  // gained.
  const std::int64_t strip_bytes = (plan.strip + reach) * plan.channel_block * problem.element_bytes();
  const std::int64_t strips = std::min(problem.target.l2_bytes / 2 / strip_bytes, 1024 / plan.strip);
  plan.column_block = plan.strip * std::max<std::int64_t>(1, strips);
}

}  // namespace

void add_plans(const CpuProblem& problem, CpuPlan plan, std::int64_t tile_columns, std::vector<CpuPlan>& plans) {
  // Where weights are far, blocks of channels make room for more columns each time that they come.
  const std::int64_t block = weights_in_l2(problem) ? problem.in_channels() : channels_of_a_block(problem, plan);
  if (block < problem.in_channels()) {
    plan.channel_block = block;
    plan.prefetch = Prefetch::weights;
    choose_blocks(problem, tile_columns, plan);
    plans.push_back(plan);
  }
  plan.channel_block = problem.in_channels();
  choose_blocks(problem, tile_columns, plan);
  const bool reads_x = problem.spec.prologue.op == Activation::Op::none && !problem.converts();
  for (const Input input : {Input::packed, Input::direct})
    for (const Prefetch prefetch : {Prefetch::none, Prefetch::weights, Prefetch::input}) {
      if (input == Input::direct && !reads_x) continue;
      if (prefetch == Prefetch::weights && weights_in_l2(problem)) continue;
      if (prefetch == Prefetch::input && (input == Input::packed || !weights_in_l2(problem))) continue;
      plan.input = input;
      plan.prefetch = prefetch;
      plans.push_back(plan);
    }
  if (!reads_x || problem.in_channels() <= 2 * followed_rows) return;
  // So few rows of x at once, so far along them, that the hardware's prefetching follows.
  plan.input = Input::direct;
  plan.prefetch = Prefetch::none;
  plan.channel_block = followed_rows;
  plan.column_block = 4096 / plan.strip * plan.strip;
  if (plan.column_block > 0) plans.push_back(plan);
}

std::int64_t weight_bytes_of_a_group(const CpuProblem& problem) {
  return problem.spec.weight_count() / problem.spec.groups * problem.element_bytes();
}

double revisits(const CpuProblem& problem, const CpuPlan& plan) {
  return static_cast<double>(support::ceil_div(problem.in_channels(), plan.channel_block) - 1);
}

std::int64_t tail_reach(std::int64_t tile_columns, std::int64_t tail_columns) {
  return (tile_columns - 1) / tail_columns * tail_columns;
}

ExpectedTiles expected_tiles(std::int64_t columns, std::int64_t tile_columns, std::int64_t tail_columns) {
  const std::int64_t reach = tail_reach(tile_columns, tail_columns), tails_at_most = reach / tail_columns;
  if (columns < 4 * tile_columns) {
    const std::int64_t whole = columns / tile_columns, rest = columns % tile_columns;
    if (rest > reach) return {static_cast<double>(whole + 1), 0};
    return {static_cast<double>(whole), static_cast<double>(support::ceil_div(rest, tail_columns))};
  }
  // The rest is 0 to tile_columns - 1, each as likely as the others.
  const auto width = static_cast<double>(tile_columns);
  const std::int64_t rests_of_whole = tile_columns - 1 - reach;
  const std::int64_t tails_of_all = tail_columns * tails_at_most * (tails_at_most + 1) / 2;
  return {(static_cast<double>(columns) - (width - 1) / 2 + static_cast<double>(rests_of_whole)) / width,
          static_cast<double>(tails_of_all) / width};
}

bool weights_in_l2(const CpuProblem& problem) {
  return weight_bytes_of_a_group(problem) <= problem.target.l2_bytes / 2;
}

double overlapped(double computing, double streaming, double left) {
  return std::max(computing, streaming) + left * std::min(computing, streaming);
}

double predict_row_tile(const CpuProblem& problem, const CpuPlan& plan, const RowRun& run, std::int64_t columns,
                        double column_tiles, double cycles) {
  if (weights_in_l2(problem)) return cycles;
  const double bytes = static_cast<double>(problem.in_channels() * run.taps * run.rows * problem.element_bytes());
  const ReadingCosts& reading = problem.target.reading;
  const double visits = std::ceil(static_cast<double>(columns) / static_cast<double>(plan.column_block));
  // Weights of a channel block that leave no room in the second-level cache are waited for: to the panel, which is then
  // waited for too, or to the next block's weights, which tiles ask for.
  const std::int64_t block_channels = std::min(problem.in_channels(), plan.channel_block);
  const std::int64_t weight_bytes = block_channels * run.taps * run.rows * problem.element_bytes();
  const std::int64_t panel_bytes = block_channels * std::min(columns, plan.column_block) * problem.element_bytes();
  const bool asks = plan.prefetch == Prefetch::weights;
  const std::int64_t beside = std::max(panel_bytes, asks ? weight_bytes : 0);
  if (column_tiles > 1 && weight_bytes + beside > problem.target.l2_bytes * 3 / 4)
    return cycles + visits * bytes / (reading.l3_bytes * 3 / 8);
  // One pass over all weights is a stream that the hardware follows, as long as it comes from the third-level cache; so
  // do tiles that ask for what is not far ahead. Several column tiles stop the stream after each row tile; then it pays
  // to ask while the row tile before is computed.
  if (column_tiles <= 1) {
    const bool far_ahead = weight_bytes > problem.target.l2_bytes / 12;
    if (asks)
      return overlapped(reading.asking * cycles,
                        bytes / (far_ahead ? reading.l3_bytes * 3 / 4 : reading.l3_bytes_asked_for));
    if (weight_bytes_of_a_group(problem) > 2 * third_level_bytes) return cycles + bytes / reading.memory_bytes;
    return overlapped(cycles, bytes / reading.l3_bytes);
  }
  if (asks) {
    // The further ahead, the more of it is gone again when its turn comes.
    const double ahead = static_cast<double>(weight_bytes) / (128 << 10);
    return std::max((reading.asking + 0.04 * std::clamp(ahead - 1, 0.0, 2.0)) * cycles,
                    visits * bytes / (reading.l3_bytes * 7 / 8));
  }
  return cycles + visits * bytes / reading.l3_bytes_interrupted;
}

std::int64_t columns_within(const CpuProblem& problem, std::int64_t bytes) {
  const LayerSpec& spec = problem.spec;
  return bytes / ((spec.in_channels + spec.out_channels * spec.stride) * problem.storage_bytes());
}

double packing_cycles(const CpuProblem& problem, const CpuPlan& plan) {
  // A packed row costs a short loop, with a load (mostly of two lines) and a store for each line.
  const double lines =
      1.0 + static_cast<double>((plan.strip + problem.polyphase.reach()) * problem.element_bytes()) / 64;
  return static_cast<double>(problem.in_channels()) * (problem.target.reading.packed_row + 3.5 * lines);
}

std::int64_t packed_strips(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  const std::int64_t strips = support::ceil_div(columns, plan.strip);
  if (plan.input == Input::packed) return strips;
  if (problem.polyphase.reach() == 0) return columns % plan.strip == 0 ? 0 : 1;
  return std::min<std::int64_t>(strips, 2);
}

double predict_input(const CpuProblem& problem, const CpuPlan& plan, std::int64_t tile_columns, std::int64_t columns,
                     std::int64_t row_tiles) {
  const auto lines = [&](std::int64_t width) {
    return 1.0 + static_cast<double>(width * problem.element_bytes()) / 64.0;
  };
  const std::int64_t reach = problem.polyphase.reach();
  const double channels = static_cast<double>(problem.in_channels());
  const double packing = static_cast<double>(packed_strips(problem, plan, columns)) * packing_cycles(problem, plan);
  const double tiles = static_cast<double>(support::ceil_div(columns, tile_columns) * row_tiles);
  // A strip that the first-level cache can't hold comes from the second at about a line in two cycles; many rows of x
  // itself are too far apart to be prefetched.
  // Between two visits of a strip lie all others of the panel.
  const std::int64_t pitch_bytes = panel_pitch(problem, plan) * problem.element_bytes();
  const double pitch_lines = static_cast<double>(pitch_bytes) / 64;
  const std::int64_t at_once = std::min(columns, plan.column_block);
  const std::int64_t panel_bytes =
      problem.in_channels() * (plan.input == Input::packed ? support::ceil_div(at_once, plan.strip) * pitch_bytes
                                                           : at_once * problem.element_bytes());
  const bool in_l1 = row_tiles == 1 || panel_bytes < problem.target.l1_bytes / 2;
  // What lies beyond the second-level cache: packing reads row by row; tiles read as many rows at once as a block has
  // channels, which the hardware's prefetching follows for a few, and which tiles may ask for.
  enum Reading { row_by_row, few_at_once, asked_for, many_at_once };
  const Reading mode = plan.input == Input::packed                                                ? row_by_row
                       : std::min(problem.in_channels(), plan.channel_block) <= followed_rows + 2 ? few_at_once
                       : plan.prefetch == Prefetch::input                                         ? asked_for
                                                                                                  : many_at_once;
  const bool in_l2 = columns <= columns_within(problem, problem.target.l2_bytes * 3 / 4);
  const ReadingCosts& reading = problem.target.reading;
  const auto& far_line = columns <= columns_within(problem, third_level_bytes) ? reading.l3_line : reading.memory_line;
  // Each row tile asks for a line of a channel's inputs with each tap (kernel_driver.cpp).
  const double asked = std::min(1.0, static_cast<double>(row_tiles * problem.polyphase.max_taps()) /
                                         std::ceil(static_cast<double>(tile_columns * problem.element_bytes()) / 64));
  const double cycles_per_line = in_l2 ? 0
                                 : mode != asked_for
                                     ? far_line[mode]
                                     : asked * far_line[asked_for] + (1 - asked) * far_line[many_at_once];
  const bool comes_once = panel_bytes <= problem.target.l2_bytes * 3 / 4;
  const double from_memory = channels * lines(columns) * cycles_per_line *
                             (comes_once || plan.input == Input::packed ? 1.0 : static_cast<double>(row_tiles));
  const double looping = 150;
  // Asking in vain costs a little in every step of the reduction.
  const double asking = plan.prefetch == Prefetch::input ? 4 * tiles * channels : 0;
  const double cycles_of_a_line = in_l1 ? 0 : comes_once ? reading.panel_line : reading.panel_line_again;
  if (plan.input == Input::packed)
    // Strips start on a line.
    return looping + from_memory + packing +
           tiles * channels * std::min(lines(tile_columns + reach), pitch_lines) * cycles_of_a_line;
  return looping + from_memory + packing + asking +
         tiles * channels * lines(tile_columns + reach) *
             (in_l1 || (in_l2 && channels <= 64) ? reading.near_line
              : channels <= 16                   ? reading.few_rows_line
                                                 : reading.many_rows_line);
}

}  // namespace unstride::plan
