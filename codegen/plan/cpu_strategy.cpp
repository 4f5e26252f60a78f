#include "codegen/plan/cpu_strategy.h"

#include <algorithm>
#include <array>

#include "support/checked_math.h"

namespace unstride::plan {

namespace {

constexpr std::array strategies = {&row_lanes, &column_lanes};

// Elements of a 64-byte line: panel rows start on one.
std::int64_t line_elements(const CpuProblem& problem) {
  return 64 / problem.element_bytes();
}

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
  weights.in_channels = problem.in_channels();
  tile_columns = strategy.tile_columns(problem, plan);
  tail_columns = strategy.tail_columns(problem, plan);

  // A tail tile may run past the block by less than a whole tile; a vector load past the last window by a vector.
  const std::int64_t line = line_elements(problem);
  const std::int64_t width = plan.column_block + tile_columns + problem.polyphase.reach() + problem.lanes;
  panel_pitch = support::round_up(width, line);
  // Rows a multiple of 4096 bytes apart would fall into the same few lines of the L1 cache.
  if (panel_pitch * problem.element_bytes() % 1024 == 0) panel_pitch += line;
  panel_elements = support::checked_mul(panel_pitch, problem.in_channels()).value_or(INT64_MAX / 64);

  std::int64_t rows = 0;
  for (const RowRun& run : weights.runs) rows = std::max(rows, run.rows);
  // A tile's rows, or one channel's outputs with its bias-only phases; a copy may read a vector past them.
  stage_elements = support::round_up(std::max(rows, problem.spec.stride) * tile_columns + problem.lanes, line);
  const bool revisited = plan.channel_block < problem.in_channels();
  accumulator_elements = revisited ? rows * (plan.column_block + tile_columns) : 0;
  scratch_bytes = (panel_elements + stage_elements + accumulator_elements) * problem.element_bytes();
}

void choose_blocks(const CpuProblem& problem, std::int64_t tile_columns, CpuPlan& plan) {
  const std::int64_t column_bytes = problem.in_channels() * problem.element_bytes();
  const std::int64_t fits = problem.target.l2_bytes / 2 / column_bytes - problem.polyphase.reach();
  // A panel much narrower than the reach would be packed mostly twice; beyond 1024 columns nothing is gained.
  const std::int64_t wanted = std::clamp<std::int64_t>(fits, 2 * problem.polyphase.reach(), 1024);
  plan.column_block = std::max<std::int64_t>(1, wanted / tile_columns) * tile_columns;
  plan.channel_block = problem.in_channels();
}

}  // namespace unstride::plan
