// One input channel in each group: no reduction over channels, so nothing is worth packing. The speed is that of
// memory, and of what one row of the output costs beyond it.
#include <algorithm>

#include "codegen/plan/cpu_strategy.h"
#include "codegen/plan/interleave_cost.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

// Phases are interleaved in registers, and all taps are unrolled: more belong to the other strategies.
constexpr std::int64_t max_stride = 8;
constexpr std::int64_t max_kernel_size = 64;

const Depthwise& tile_of(const CpuPlan& plan) {
  return std::get<Depthwise>(plan.tile);
}

std::int64_t tile_columns(const CpuProblem& p, const CpuPlan& plan) {
  return std::int64_t{tile_of(plan).vectors} * p.lanes;
}

std::vector<RowRun> runs(const CpuProblem& problem, const CpuPlan&) {
  RowRun run;
  run.phases = problem.polyphase.phases();
  run.taps = problem.polyphase.max_taps();
  run.channel_tiles = problem.out_channels();
  run.rows = run.phases;
  return {run};
}

std::int64_t stage_elements(const CpuProblem&, const CpuPlan&) {
  return 0;
}

// Accumulators, one window, a weight, and registers to spare for interleaving.
std::int64_t registers(const CpuProblem& problem, int vectors) {
  return (problem.polyphase.phases() + 1) * vectors + 3;
}

bool fits_registers(const CpuProblem& problem, int vectors) {
  return vectors == 1 || registers(problem, vectors) <= problem.target.vector_registers;
}

std::string why_illegal(const CpuProblem& problem, const CpuPlan& plan) {
  if (problem.in_channels() != 1) return "depthwise takes layers with one input channel in each group";
  if (problem.spec.stride > max_stride) return "depthwise takes strides up to 8";
  if (problem.spec.kernel_size > max_kernel_size) return "depthwise takes kernels up to 64";
  if (plan.input != Input::direct || plan.prefetch != Prefetch::none)
    return "depthwise takes input=direct prefetch=none";
  if (tile_of(plan).vectors < 1) return "vectors must be at least 1";
  if (!fits_registers(problem, tile_of(plan).vectors)) return "the tile does not fit the registers";
  return {};
}

std::vector<CpuPlan> enumerate(const CpuProblem& problem) {
  std::vector<CpuPlan> plans;
  for (int vectors = 1; vectors <= 8; ++vectors) {
    CpuPlan plan{.tile = Depthwise{vectors}, .input = Input::direct, .channel_block = 1};
    plan.strip = tile_columns(problem, plan);
    plan.column_block = support::round_up(std::int64_t{8192}, plan.strip);
    if (why_illegal(problem, plan).empty()) plans.push_back(plan);
  }
  return plans;
}

double predict(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  const Polyphase& p = problem.polyphase;
  const int vectors = tile_of(plan).vectors;
  const double fmas = static_cast<double>(p.kernel_size * vectors);
  const double stride = static_cast<double>(p.stride);
  const double shuffles = interleave_shuffles(p.stride) * vectors;
  // Weights stay in registers where there are enough. Unaligned loads and stores mostly cross a cache line and count
  // twice.
  const std::int64_t weight_loads = depthwise_weights_stay(problem, vectors) ? 0 : p.kernel_size;
  const double loads = static_cast<double>(p.max_taps() * vectors * 2 + weight_loads);
  const double stores = 2 * stride * vectors;
  const double tile =
      std::max({(fmas + shuffles) / 2, loads / 2, stores, (fmas + shuffles + loads / 2 + stores / 2) / 6});
  // Neighbouring tiles overlap, and wider ones gain nothing: up to a quarter slower, where memory is the limit.
  const double latency = 4.0 * static_cast<double>(p.max_taps());
  const double tile_cycles = std::max(tile, latency / 6) * (vectors == 1 ? 1 : 1.05);
  const ExpectedTiles expected = expected_tiles(columns, tile_columns(problem, plan), tile_columns(problem, plan));
  const double tiles = expected.whole + expected.tails;
  // The first and the last go through masks.
  const double masked = std::min(tiles, 2.0) * (2 + (loads + stores) / 4);
  return static_cast<double>(problem.out_channels()) * (3 + masked + tiles * tile_cycles);
}

}  // namespace

bool depthwise_weights_stay(const CpuProblem& problem, int vectors) {
  const Polyphase& p = problem.polyphase;
  return registers(problem, vectors) + p.phases() * p.max_taps() <= problem.target.vector_registers;
}

const CpuStrategy depthwise = {Depthwise::name, enumerate,    why_illegal,    predict, runs,
                               tile_columns,    tile_columns, stage_elements, true};

}  // namespace unstride::plan
