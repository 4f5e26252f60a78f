// lanes = columns. Layers with few channels and small strides, at lengths of many vectors.
//
// A tile holds all phases of some channels, whose outputs are interleaved in registers into contiguous vectors.
#include <algorithm>
#include <set>

#include "codegen/plan/cpu_strategy.h"
#include "codegen/plan/interleave_cost.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using support::ceil_div;

// Beyond this the interleaving shuffles cost more than the staged store of row_lanes.
constexpr std::int64_t max_stride = 8;

const ColumnLanes& tile_of(const CpuPlan& plan) {
  return std::get<ColumnLanes>(plan.tile);
}

std::int64_t tile_columns(const CpuProblem& p, const CpuPlan& plan) {
  return std::int64_t{tile_of(plan).vectors} * p.lanes;
}
std::int64_t tail_columns(const CpuProblem& p, const CpuPlan& plan) {
  return std::int64_t{tile_of(plan).tail_vectors} * p.lanes;
}

std::vector<RowRun> runs(const CpuProblem& problem, const CpuPlan& plan) {
  RowRun run;
  run.phases = problem.polyphase.phases();
  run.taps = problem.polyphase.max_taps();
  run.channels = tile_of(plan).channels;
  run.channel_tiles = ceil_div(problem.out_channels(), run.channels);
  run.rows = run.channels * run.phases;
  return {run};
}

// The outputs of one channel.
std::int64_t stage_elements(const CpuProblem& problem, const CpuPlan& plan) {
  return problem.spec.stride * tile_columns(problem, plan);
}

// How many windows of the input the phases read with one tap: one without dilation.
std::int64_t windows(const Polyphase& p) {
  std::set<std::int64_t> delays;
  for (std::int64_t first_tap = 0; first_tap < p.phases(); ++first_tap) delays.insert(p.delay(first_tap));
  return std::ssize(delays);
}

// Accumulators, the window of one phase, and a broadcast weight. The smallest tile is always taken.
bool fits_registers(const CpuProblem& problem, const ColumnLanes& tile) {
  if (tile.channels == 1 && tile.vectors == 1) return true;
  const std::int64_t rows = tile.channels * problem.polyphase.phases();
  return rows * tile.vectors + tile.vectors + 1 <= problem.target.vector_registers;
}

// The windows of all phases, and registers to spare for loads that LLVM starts early, of weights above all: without
// them it spills (tests/kernels/emitted_code_test.cpp).
bool is_comfortable(const CpuProblem& problem, const ColumnLanes& tile) {
  if (tile.channels == 1 && tile.vectors == 1) return true;
  const std::int64_t rows = tile.channels * problem.polyphase.phases();
  const std::int64_t window_count = windows(problem.polyphase);
  const bool embedded = tile.vectors == 1 && problem.target.embedded_broadcast;
  const std::int64_t broadcast = embedded ? 0 : 1;
  const std::int64_t spare = tile.vectors == 1 && !embedded ? 2 + window_count : tile.vectors > 2 ? 2 : 1;
  return rows * tile.vectors + tile.vectors * window_count + broadcast + spare <= problem.target.vector_registers;
}

std::string why_illegal(const CpuProblem& problem, const CpuPlan& plan) {
  const ColumnLanes& tile = tile_of(plan);
  if (problem.spec.stride > max_stride) return "column_lanes takes strides up to 8";
  if (tile.channels < 1 || tile.vectors < 1 || tile.tail_vectors < 1)
    return "channels, vectors and tail must be at least 1";
  if (tile.vectors % tile.tail_vectors != 0) return "vectors must be a multiple of tail";
  if (!fits_registers(problem, tile)) return "the tile does not fit the registers";
  return {};
}

std::vector<CpuPlan> enumerate(const CpuProblem& problem) {
  std::vector<CpuPlan> plans;
  if (problem.spec.stride > max_stride) return plans;
  for (int channels = 1; channels <= std::min<std::int64_t>(problem.out_channels(), 16); ++channels) {
    for (int vectors = 1; vectors <= 12; ++vectors) {
      const ColumnLanes tile{.channels = channels, .vectors = vectors, .tail_vectors = 1};
      if (!is_comfortable(problem, tile)) break;
      const CpuPlan plan{.tile = tile, .unrolled_taps = 8};
      add_plans(problem, plan, tile_columns(problem, plan), plans);
    }
  }
  return plans;
}

double predict(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  const ColumnLanes& tile = tile_of(plan);
  const Polyphase& p = problem.polyphase;
  const RowRun run = runs(problem, plan).front();
  const auto window_count = static_cast<double>(windows(p));

  const auto tile_cycles = [&](int vectors) {
    double cycles = 0;
    for (std::int64_t tap = 0; tap < run.taps; ++tap) {
      const std::int64_t phases = std::min(p.phases(), p.kernel_size - tap * p.tap_step);
      const double fmas = static_cast<double>(phases * tile.channels * vectors);
      // An unaligned vector load mostly crosses a cache line and counts twice.
      const double input_loads = window_count * vectors;
      const double weight_loads = static_cast<double>(phases * tile.channels);
      const double loading = (2 * input_loads + weight_loads) / 2;
      // An accumulator takes four cycles before its next use, and nothing hides a delay where they are so few.
      cycles += std::max({5.0, fmas / 2, loading, (fmas + input_loads + weight_loads + 2) / 6}) + 0.1 * loading;
    }
    const double stored = static_cast<double>(tile.channels * vectors) *
                          (interleave_shuffles(problem.spec.stride) + 2.0 * static_cast<double>(problem.spec.stride));
    const double sums = revisits(problem, plan) * (30 + 3.0 * static_cast<double>(run.rows * vectors));
    return cycles * static_cast<double>(problem.in_channels()) + stored + sums + 30;
  };
  const auto [whole, tails] = expected_tiles(columns, tile_columns(problem, plan), tail_columns(problem, plan));
  const double column_cycles = whole * tile_cycles(tile.vectors) + tails * tile_cycles(tile.tail_vectors);
  const double row_tile = predict_row_tile(problem, plan, run, columns, whole + tails, column_cycles);
  return static_cast<double>(run.tiles()) * row_tile +
         predict_input(problem, plan, tile_columns(problem, plan), columns, run.tiles());
}

}  // namespace

const CpuStrategy column_lanes = {ColumnLanes::name, enumerate,    why_illegal,   predict, runs,
                                  tile_columns,      tail_columns, stage_elements};

}  // namespace unstride::plan
