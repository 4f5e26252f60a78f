// lanes = (channel, phase). Any layer; best with many rows and a long reduction, at any number of columns.
//
// The phases of a run have the same number of taps and read the same window, so that one broadcast input serves all
// lanes. Without dilation these are all phases with j0 < kernel_size mod stride, and the others; a block of them is a
// contiguous piece of the output. With dilation neighbouring first taps read different windows: a block is one phase.
#include <algorithm>

#include "codegen/plan/cpu_strategy.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using support::ceil_div;

const RowLanes& tile_of(const CpuPlan& plan) {
  return std::get<RowLanes>(plan.tile);
}

std::int64_t tile_columns(const CpuProblem&, const CpuPlan& plan) {
  return tile_of(plan).columns;
}
std::int64_t tail_columns(const CpuProblem&, const CpuPlan& plan) {
  return tile_of(plan).tail_columns();
}

// Splits the phases [first, last), which have equally many taps, into blocks that fit a tile.
void add_runs(const CpuProblem& problem, std::int64_t rows, std::int64_t unit, bool one_phase, std::int64_t first,
              std::int64_t last, std::vector<RowRun>& runs) {
  const std::int64_t width = one_phase || problem.spec.dilation > 1 ? 1 : std::min(rows, last - first);
  const std::int64_t whole = (last - first) / width;
  for (const auto& [begin, blocks, phases] :
       {std::array{first, whole, width}, std::array{first + whole * width, std::int64_t{1}, (last - first) % width}}) {
    if (blocks == 0 || phases == 0) continue;
    RowRun run;
    run.first_tap = begin;
    run.blocks = blocks;
    run.phases = phases;
    run.taps = problem.polyphase.taps(begin);
    run.channel_tiles = ceil_div(problem.out_channels(), std::min(rows / phases, problem.out_channels()));
    // As even as it goes: the last tile is computed whole.
    run.channels = ceil_div(problem.out_channels(), run.channel_tiles);
    run.rows = support::round_up(run.channels * phases, unit);
    runs.push_back(run);
  }
}

std::vector<RowRun> runs(const CpuProblem& problem, const CpuPlan& plan) {
  return row_runs(problem, std::int64_t{tile_of(plan).vectors} * problem.lanes, problem.lanes);
}

std::int64_t stage_elements(const CpuProblem& problem, const CpuPlan& plan) {
  return std::int64_t{tile_of(plan).vectors} * problem.lanes * tile_of(plan).columns;
}

// Accumulators, weights of one tap, and a broadcast input, which an embedded broadcast saves when it is used once.
int registers(const CpuProblem& problem, const RowLanes& tile) {
  const int broadcast = tile.vectors == 1 && problem.target.embedded_broadcast ? 0 : 1;
  return tile.vectors * tile.columns + tile.vectors + broadcast;
}

bool fits_registers(const CpuProblem& problem, const RowLanes& tile) {
  return registers(problem, tile) <= problem.target.vector_registers;
}

// LLVM starts the next loads early: without registers to spare it spills (tests/kernels/emitted_code_test.cpp).
bool is_comfortable(const CpuProblem& problem, const RowLanes& tile) {
  const bool one_broadcast_each = tile.vectors == 1 && !problem.target.embedded_broadcast;
  const int spare = one_broadcast_each ? 3 : tile.vectors > 2 ? 2 : 1;
  return registers(problem, tile) + spare <= problem.target.vector_registers;
}

std::string why_illegal(const CpuProblem& problem, const CpuPlan& plan) {
  const RowLanes& tile = tile_of(plan);
  if (tile.vectors < 1 || tile.columns < 1) return "vectors and columns must be at least 1";
  if (!fits_registers(problem, tile)) return "the tile does not fit the registers";
  return {};
}

std::vector<CpuPlan> enumerate(const CpuProblem& problem) {
  std::vector<CpuPlan> plans;
  const auto add = [&](int vectors, int columns) {
    add_plans(problem, {.tile = RowLanes{vectors, columns}, .unrolled_taps = 4}, columns, plans);
  };
  for (int vectors = 1; vectors <= 6; ++vectors)
    for (int columns = 4; is_comfortable(problem, {.vectors = vectors, .columns = columns}); ++columns)
      add(vectors, columns);
  // Calls of one or two inputs: few columns, with as many sums as keep the multipliers busy.
  for (const auto& [vectors, columns] : {std::pair{8, 1}, {4, 2}, {6, 2}, {8, 2}, {4, 3}, {6, 3}})
    if (is_comfortable(problem, {.vectors = vectors, .columns = columns})) add(vectors, columns);
  return plans;
}

double predict(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  const RowLanes& tile = tile_of(plan);
  // The last tile of many columns is half as wide as the others, in the mean over lengths.
  const bool many = columns >= std::int64_t{4} * tile.columns;
  const auto width =
      static_cast<int>(many ? tile.columns : std::min<std::int64_t>(plan.strip_columns(columns), tile.columns));
  const double last_share = many ? (width - 1.0) / width : columns % width == 0 ? 0 : 1;
  const int last_width = tile.width_for(many ? width / 2 : static_cast<int>(columns % width));
  const std::int64_t counted = columns / width;
  const double whole = many ? static_cast<double>(columns) / width - last_share / 2 : static_cast<double>(counted);
  double cycles = 0;
  std::int64_t row_tiles = 0;
  for (const RowRun& run : runs(problem, plan)) {
    row_tiles += run.tiles();
    const int vectors = static_cast<int>(run.rows / problem.lanes);
    const double steps = static_cast<double>(run.taps * problem.in_channels());
    const bool in_l1 =
        run.taps * problem.in_channels() * run.rows * problem.element_bytes() < problem.target.l1_bytes / 2;
    const auto tile_cycles = [&](int tile_columns) {
      // Staged through memory, then copied piece by piece: see codegen/cpu/row_lanes.cpp.
      const double piece = 2.0 + 1.5 * static_cast<double>(ceil_div(run.phases, std::int64_t{problem.lanes}));
      const double store = tile_columns * (vectors + static_cast<double>(run.channels) * piece) + 30;
      const double sums = revisits(problem, plan) * (30 + 3.0 * tile_columns * vectors);
      return steps * row_step_cycles(problem, vectors, tile_columns, in_l1) + store + sums;
    };
    const double row_tile = whole * tile_cycles(width) + last_share * tile_cycles(last_width);
    const double tiles = whole + last_share;
    cycles += static_cast<double>(run.tiles()) * predict_row_tile(problem, plan, run, columns, tiles, row_tile);
  }
  return cycles + predict_input(problem, plan, tile.columns, columns, row_tiles);
}

}  // namespace

std::vector<RowRun> row_runs(const CpuProblem& problem, std::int64_t rows, std::int64_t unit, bool one_phase) {
  const Polyphase& p = problem.polyphase;
  const std::int64_t with_most_taps = p.kernel_size % p.tap_step == 0 ? p.phases() : p.kernel_size % p.tap_step;
  std::vector<RowRun> result;
  add_runs(problem, rows, unit, one_phase, 0, std::min(with_most_taps, p.phases()), result);
  if (with_most_taps < p.phases()) add_runs(problem, rows, unit, one_phase, with_most_taps, p.phases(), result);
  return result;
}

// Two vector FMAs and two loads start in a cycle, six
// micro-operations are issued, and an accumulator takes four cycles before its next use.
double row_step_cycles(const CpuProblem& problem, int vectors, int columns, bool weights_in_l1) {
  const bool embedded = vectors == 1 && problem.target.embedded_broadcast;
  const double fmas = vectors * columns;
  const double loads = vectors + columns;
  const double issued = fmas + (embedded ? vectors : loads) + 4;
  const double from_l2 = weights_in_l1 ? 0 : vectors * problem.target.vector_bytes / problem.target.reading.l2_bytes;
  // Tiles of one vector load an input for every multiplication, and reach less of the peak.
  const double computing = std::max({4.5, fmas / (vectors == 1 ? 1.8 : 2.0), loads / 2, issued / 6});
  return overlapped(computing, from_l2, 0.125);
}

const CpuStrategy row_lanes = {RowLanes::name, enumerate,    why_illegal,  predict,
                               runs,           tile_columns, tail_columns, stage_elements};

}  // namespace unstride::plan
