// row_lanes, one phase in a tile: for calls of so few inputs that most taps meet nothing but the border.
//
// Of a call of one input each output has one product, or few, where kernels of twice the stride do two: half of the
// weights, which such calls take their time to read, belong to products with the border's zeros. Which taps these are
// differs from phase to phase, so that phases have tiles of their own, and taps lie apart (WeightLayout::taps_apart).
#include <algorithm>

#include "codegen/plan/cpu_strategy.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using support::ceil_div;

// Longer calls leave out next to nothing.
constexpr std::int64_t most_columns = 16;

const RowLanes& tile_of(const CpuPlan& plan) {
  return std::get<RowLanes>(plan.tile);
}

std::string why_illegal(const CpuProblem& problem, const CpuPlan& plan) {
  if (plan.input != Input::packed || plan.prefetch != Prefetch::none)
    return "phase_lanes reads a packed input and asks for nothing ahead";
  const LayerSpec& spec = problem.spec;
  constexpr std::int64_t most = 1 << 20;  // far above any layer, far below where `Call` would overflow
  if (std::max({spec.kernel_size, spec.stride, spec.dilation, spec.padding, spec.output_padding, spec.trim[0],
                spec.trim[1]}) > most)
    return "phase_lanes takes kernels, strides, dilations, paddings and trims up to 2^20";
  if (plan.channel_block < problem.in_channels()) return "phase_lanes sums all input channels at once";
  return row_lanes.why_illegal(problem, plan);
}

std::vector<CpuPlan> enumerate(const CpuProblem& problem) {
  // A row is one channel; and each phase is predicted by itself.
  const Polyphase& p = problem.polyphase;
  if (p.reach() == 0 || problem.out_channels() < problem.lanes || p.phases() > 64) return {};
  std::vector<CpuPlan> plans;
  for (const auto& [vectors, columns] : {std::pair{8, 1}, {6, 1}, {6, 2}, {8, 2}, {4, 3}, {6, 3}, {4, 4}, {3, 6}})
    add_plans(problem, {.tile = RowLanes{vectors, columns, false, true}, .unrolled_taps = 1}, columns, plans);
  std::erase_if(plans, [&](const CpuPlan& plan) { return !why_illegal(problem, plan).empty(); });
  for (CpuPlan& plan : plans) plan.column_block = support::round_up(most_columns, plan.strip);  // no room for more
  return plans;
}

std::vector<RowRun> runs(const CpuProblem& problem, const CpuPlan& plan) {
  return row_runs(problem, std::int64_t{tile_of(plan).vectors} * problem.lanes, problem.lanes, /*one_phase=*/true);
}

// A call that has so many columns.
struct Call {
  Call(const CpuProblem& problem, std::int64_t columns) {
    const LayerSpec& spec = problem.spec;
    const std::int64_t cut = 2 * spec.padding + spec.trim[0] + spec.trim[1];
    // Outputs are stride * inputs + more; each input more is a column more.
    const std::int64_t more = spec.dilation * (spec.kernel_size - 1) + 1 + spec.output_padding - spec.stride - cut;
    const std::int64_t many = columns + cut / spec.stride + 2;
    const Columns of_many(spec, many * spec.stride + more);
    inputs = std::max<std::int64_t>(1, many - (of_many.count - columns));
    outputs = inputs * spec.stride + more;
    first_column = of_many.first;
  }
  std::int64_t first_column, inputs, outputs;
};

// Columns of a phase whose output exists: first <= column < after.
struct PhaseColumns {
  PhaseColumns(const CpuProblem& problem, const Call& call, std::int64_t columns, std::int64_t first_tap) {
    const Polyphase& p = problem.polyphase;
    const std::int64_t output = p.phase(first_tap) - grid_offset(problem.spec);  // of column 0 of the grid
    first = std::max(call.first_column, ceil_div(std::max<std::int64_t>(0, -output), p.stride));
    after = std::min(call.first_column + columns, ceil_div(std::max<std::int64_t>(0, call.outputs - output), p.stride));
  }
  std::int64_t count() const { return std::max<std::int64_t>(0, after - first); }
  std::int64_t first, after;
};

// Taps of a phase that meet an input in one of these: as kernel_driver.cpp chooses them, for one tile of all columns.
std::int64_t taps_that_count(const CpuProblem& problem, const Call& call, const PhaseColumns& columns,
                             std::int64_t first_tap) {
  const Polyphase& p = problem.polyphase;
  const std::int64_t before = p.delay(first_tap);
  const auto taps_within = [&](std::int64_t inputs) {
    return std::min(p.taps(first_tap), ceil_div(std::max<std::int64_t>(0, inputs), p.input_step));
  };
  return std::max<std::int64_t>(
      0, taps_within(columns.after - before) - taps_within(columns.first - before - call.inputs + 1));
}

double predict(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  const RowLanes& tile = tile_of(plan);
  const Call call(problem, columns);
  const auto column_tiles = static_cast<double>(ceil_div(columns, std::int64_t{tile.columns}));
  double cycles = 0;
  std::int64_t row_tiles = 0;
  for (const RowRun& run : runs(problem, plan)) {
    row_tiles += run.tiles();
    const auto vectors = static_cast<int>(run.rows / problem.lanes);
    // The loop over taps goes around so few times that it costs as much as its multiplications.
    const double step = row_step_cycles(problem, vectors, tile.columns, /*weights_in_l1=*/true) + 4;
    const auto blocks = [&](std::int64_t taps, std::int64_t outputs, std::int64_t count) {
      RowRun read = run;
      read.taps = taps;
      const double tile_cycles = static_cast<double>(taps * problem.in_channels()) * step + 30 + tile.columns * vectors;
      const double row_tile = column_tiles * tile_cycles + 4 * static_cast<double>(outputs * run.channels);
      cycles += static_cast<double>(count * run.channel_tiles) *
                predict_row_tile(problem, plan, read, columns, column_tiles, row_tile);
    };
    if (columns > most_columns)
      blocks(run.taps, columns, run.blocks);
    else
      for (std::int64_t tap = run.first_tap; tap < run.first_tap + run.blocks; ++tap) {
        const PhaseColumns with_outputs(problem, call, columns, tap);
        blocks(taps_that_count(problem, call, with_outputs, tap), with_outputs.count(), 1);
      }
  }
  return cycles + predict_input(problem, plan, tile.columns, columns, row_tiles);
}

// Of the last tile too: calls have one or two, which a function of their own would hardly speed up.
std::int64_t tile_columns(const CpuProblem& problem, const CpuPlan& plan) {
  return row_lanes.tile_columns(problem, plan);
}
std::int64_t stage_elements(const CpuProblem& problem, const CpuPlan& plan) {
  return row_lanes.stage_elements(problem, plan);
}

}  // namespace

const CpuStrategy phase_lanes = {
    RowLanes::name_of_one_phase, enumerate, why_illegal, predict, runs, tile_columns, tile_columns, stage_elements};

}  // namespace unstride::plan
