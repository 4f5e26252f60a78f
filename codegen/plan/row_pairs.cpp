// row_lanes over pairs of input channels, under fast math: bfloat16 products, two of which are summed in each lane with
// what is there (AVX512-BF16). In a panel and in packed weights a pair lies side by side, where row_lanes has one
// channel in float32, so all else is that of row_lanes on a layer with half as many input channels.
//
// Only for bfloat16: the three products of float16's parts, two at a time, take longer than one in float32.
#include "codegen/plan/cpu_strategy.h"
#include "support/checked_math.h"

namespace unstride::plan {

namespace {

using support::ceil_div;

CpuProblem problem_of_pairs(const CpuProblem& problem) {
  LayerSpec spec = problem.spec;
  spec.in_channels = spec.groups * ceil_div(problem.in_channels(), std::int64_t{2});
  return {spec, problem.target};
}

std::string why_not(const CpuProblem& problem) {
  if (problem.spec.math != Math::fast) return "row_pairs is for fast math";
  if (problem.spec.dtype != DType::bfloat16) return "row_pairs is for bfloat16";
  if (!problem.target.bfloat16_dots) return "the target has no sums of bfloat16 products";
  return {};
}

std::string why_illegal(const CpuProblem& problem, const CpuPlan& plan) {
  if (std::string reason = why_not(problem); !reason.empty()) return reason;
  if (plan.prefetch == Prefetch::input) return "row_pairs asks for weights alone";
  if (plan.channel_block % 2 != 0 && plan.channel_block < problem.in_channels()) return "channel_block must be even";
  return row_lanes.why_illegal(problem, plan);
}

std::vector<CpuPlan> enumerate(const CpuProblem& problem) {
  if (!why_not(problem).empty()) return {};
  std::vector<CpuPlan> plans = row_lanes.enumerate(problem_of_pairs(problem));
  for (CpuPlan& plan : plans) {
    std::get<RowLanes>(plan.tile).pairs = true;
    plan.channel_block = std::min(2 * plan.channel_block, problem.in_channels());
  }
  return plans;
}

double predict(const CpuProblem& problem, const CpuPlan& plan, std::int64_t columns) {
  CpuPlan of_pairs = plan;
  of_pairs.channel_block = ceil_div(plan.channel_block, std::int64_t{2});
  return row_lanes.predict(problem_of_pairs(problem), of_pairs, columns);
}

std::vector<RowRun> runs(const CpuProblem& problem, const CpuPlan& plan) {
  return row_lanes.runs(problem, plan);
}
std::int64_t tile_columns(const CpuProblem& problem, const CpuPlan& plan) {
  return row_lanes.tile_columns(problem, plan);
}
std::int64_t tail_columns(const CpuProblem& problem, const CpuPlan& plan) {
  return row_lanes.tail_columns(problem, plan);
}
std::int64_t stage_elements(const CpuProblem& problem, const CpuPlan& plan) {
  return row_lanes.stage_elements(problem, plan);
}

}  // namespace

const CpuStrategy row_pairs = {
    RowLanes::name_of_pairs, enumerate, why_illegal, predict, runs, tile_columns, tail_columns, stage_elements};

}  // namespace unstride::plan
