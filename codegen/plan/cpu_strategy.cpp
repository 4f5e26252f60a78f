#include "codegen/plan/cpu_strategy.h"

#include <algorithm>
#include <array>

#include "codegen/plan/bfloat16_parts.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

constexpr std::array strategies = {&row_lanes, &column_lanes, &amx_tiles};

}  // namespace

std::span<const CpuStrategy* const> cpu_strategies() {
  return strategies;
}

const CpuStrategy& strategy_of(const CpuPlan& plan) {
  return *std::ranges::find(strategies, plan.strategy(), [](const CpuStrategy* s) { return s->name; })[0];
}

CpuProblem::CpuProblem(const LayerSpec& layer, const CpuTarget& cpu)
    : spec(layer), target(cpu), polyphase(layer), lanes(plan::lanes(layer, cpu.vector_bytes)) {}

CpuGeometry::CpuGeometry(const CpuProblem& problem, const CpuPlan& plan) {
  const CpuStrategy& strategy = strategy_of(plan);
  weights.runs = strategy.runs(problem, plan);
  weights.in_channels = weights.packed_channels = problem.in_channels();
  tile_columns = strategy.tile_columns(problem, plan);
  tail_columns = strategy.tail_columns(problem, plan);

  panel_pitch = support::round_up(plan.strip + problem.polyphase.reach(), problem.lanes);
  // Rows a multiple of 4096 bytes apart would fall into the same few lines of the L1 cache.
  if (panel_pitch * problem.element_bytes() % 1024 == 0) panel_pitch += problem.lanes;
  column_step = 1;
  if (plan.uses_matrix_unit()) {  // [32 channels][part][column][channel], two bytes each
    const Bfloat16Parts parts = bfloat16_parts(problem.spec.dtype);
    weights.parts = parts.weights;
    weights.packed_channels = support::round_up(problem.in_channels(), AmxTiles::channels);
    column_step = AmxTiles::channels / 2;
    panel_pitch = support::round_up(plan.strip + problem.polyphase.reach(), AmxTiles::size) * parts.inputs / 2;
  }
  strip_elements = panel_pitch * weights.packed_channels;
  panel_elements = plan.column_block / plan.strip * strip_elements;

  // A copy from the stage may read a vector past its end.
  stage_elements = support::round_up(strategy.stage_elements(problem, plan) + problem.lanes, problem.lanes);
  accumulator_elements = 0;
  if (plan.channel_block < problem.in_channels())
    for (const RowRun& run : weights.runs)
      accumulator_elements = std::max(accumulator_elements, run.rows * plan.column_block);
  scratch_bytes = (panel_elements + stage_elements + accumulator_elements) * problem.element_bytes();
}

namespace {

void choose_blocks(const CpuProblem& problem, std::int64_t tile_columns, CpuPlan& plan) {
  const std::int64_t reach = problem.polyphase.reach();
  // Input channels of a strip lie close together, where prefetching sees them: a strip is one tile, unless the reach,
  // which each strip repeats, would then be most of it.
  plan.strip = tile_columns * std::max<std::int64_t>(1, support::ceil_div(4 * reach, tile_columns));
  // A panel stays in half of the second-level cache; beyond 1024 columns nothing is gained.
  const std::int64_t strip_bytes = (plan.strip + reach) * problem.in_channels() * problem.element_bytes();
  const std::int64_t strips = std::min(problem.target.l2_bytes / 2 / strip_bytes, 1024 / plan.strip);
  plan.column_block = plan.strip * std::max<std::int64_t>(1, strips);
  plan.channel_block = problem.in_channels();
}

}  // namespace

void add_plans(const CpuProblem& problem, CpuPlan plan, std::int64_t tile_columns, std::vector<CpuPlan>& plans) {
  choose_blocks(problem, tile_columns, plan);
  plans.push_back(plan);
  if (problem.spec.prologue.op != Activation::Op::none || problem.converts()) return;
  plan.input = Input::direct;
  plans.push_back(plan);
}

ExpectedTiles expected_tiles(std::int64_t columns, std::int64_t tile_columns, std::int64_t tail_columns) {
  const auto quotient = [](std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  return {quotient(columns, tile_columns) - 0.5, 0.5 * quotient(tile_columns, tail_columns)};
}

double predict_input(const CpuProblem& problem, const CpuPlan& plan, std::int64_t tile_columns, std::int64_t columns,
                     std::int64_t row_tiles) {
  const auto lines = [&](std::int64_t width) {
    return 1.0 + static_cast<double>(width * problem.element_bytes()) / 64.0;
  };
  const std::int64_t reach = problem.polyphase.reach();
  const double channels = static_cast<double>(problem.in_channels());
  const double strips = static_cast<double>(support::ceil_div(columns, plan.strip));
  const double tiles = static_cast<double>(support::ceil_div(columns, tile_columns) * row_tiles);
  // A packed row costs a short loop, with a load (mostly of two lines) and a store for each line. A strip that the
  // first-level cache can't hold comes from the second at about a line in two cycles; rows of x itself are too far
  // apart to be prefetched.
  const double packing = strips * channels * (20 + 4 * lines(plan.strip + reach));
  // Between two visits of a strip lie all others of the panel.
  const std::int64_t panel_bytes =
      std::min(columns, plan.column_block) * problem.in_channels() * problem.element_bytes();
  const bool in_l1 = row_tiles == 1 || panel_bytes < problem.target.l1_bytes / 2;
  if (plan.input == Input::packed) return packing + (in_l1 ? 0 : tiles * channels * lines(tile_columns + reach) * 1.0);
  return tiles * channels * lines(tile_columns + reach) * 3.0;
}

}  // namespace unstride::plan
