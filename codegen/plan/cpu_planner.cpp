#include "codegen/plan/cpu_planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "codegen/plan/cpu_variants.h"

namespace unstride::plan {

namespace {

// Offsets within one column block are products of these; far above any layer, far below where they would overflow.
constexpr std::int64_t max_reach = std::int64_t{1} << 30;
constexpr std::int64_t max_stride = std::int64_t{1} << 40;

void require_within_limits(const CpuProblem& problem) {
  const LayerSpec& spec = problem.spec;
  if (spec.stride > max_stride)
    throw SpecError("spec.stride", fmt::format("{}", spec.stride),
                    fmt::format("compiled kernels take at most {}", max_stride));
  if (problem.polyphase.reach() > max_reach)
    throw SpecError("spec.dilation", fmt::format("{}", spec.dilation),
                    fmt::format("taps reach {} inputs back; compiled kernels take at most {}",
                                problem.polyphase.reach(), max_reach));
}

void require_legal(const CpuProblem& problem, const CpuPlan& plan) {
  const std::string wrong = strategy_of(plan).why_illegal(problem, plan);
  if (!wrong.empty()) throw ArgumentError(fmt::format("plan: \"{}\": {}", to_string(plan), wrong));
  const bool packs = !strategy_of(plan).reads_x;
  if (packs && plan.input == Input::direct && problem.spec.prologue.op != Activation::Op::none)
    throw ArgumentError(fmt::format("plan: \"{}\": a prologue is applied to a packed input", to_string(plan)));
  if (packs && plan.input == Input::direct && problem.converts())
    throw ArgumentError(fmt::format("plan: \"{}\": inputs of {} are converted to a packed one", to_string(plan),
                                    name(problem.spec.dtype)));
  if (plan.strip % strategy_of(plan).tile_columns(problem, plan) != 0)
    throw ArgumentError(fmt::format("plan: \"{}\": strip must be a multiple of the tile's columns", to_string(plan)));
  if (plan.column_block % plan.strip != 0)
    throw ArgumentError(fmt::format("plan: \"{}\": column_block must be a multiple of strip", to_string(plan)));
}

KernelPlan given_plan(const CpuProblem& problem, std::string_view text) {
  KernelPlan plan = parse_kernel_plan(text);
  for (Variant& variant : plan.variants) {
    variant.plan.channel_block = std::min(variant.plan.channel_block, problem.in_channels());
    require_legal(problem, variant.plan);
  }
  return plan;
}

}  // namespace

PlanChoice choose_plan(const CpuProblem& problem, std::string_view wanted) {
  require_within_limits(problem);
  if (wanted.find('=') != wanted.npos) return {given_plan(problem, wanted), {}};

  PlanChoice choice;
  bool known = wanted.empty();
  for (const CpuStrategy* strategy : cpu_strategies()) {
    if (!wanted.empty() && strategy->name != wanted) continue;
    known = true;
    for (const CpuPlan& plan : strategy->enumerate(problem))
      choice.candidates.push_back({plan, strategy->predict(problem, plan, nominal_columns)});
  }
  if (!known) parse_plan(wanted);  // says which strategies there are
  if (choice.candidates.empty()) throw ArgumentError(fmt::format("plan: {} cannot compute this layer", wanted));
  std::ranges::stable_sort(choice.candidates, {}, &Candidate::predicted_cycles);
  choice.plan = cheapest_variants(problem, choice.candidates);
  return choice;
}

namespace {

std::string explain(const CpuProblem& problem, const Variant& variant) {
  const CpuGeometry geometry(problem, variant.plan);
  const std::string calls = variant.most_columns == Variant::any
                                ? "other calls"
                                : fmt::format("calls of {} columns at most", variant.most_columns);
  std::string text = fmt::format("variant     {}, for {}\n", variant.plan.strategy(), calls);
  for (const RowRun& run : geometry.weights.runs)
    text += fmt::format("  rows      {} tiles of {} channels x {} phases x {} taps in {} rows\n", run.tiles(),
                        run.channels, run.phases, run.taps, run.rows);
  text += fmt::format("  memory    {} bytes of packed weights, {} bytes of scratch a thread\n",
                      problem.spec.groups * geometry.weights.group_weights() * problem.element_bytes(),
                      geometry.scratch_bytes);
  return text;
}

}  // namespace

std::string explain(const CpuProblem& problem, const PlanChoice& choice) {
  const Polyphase& p = problem.polyphase;
  std::string text = fmt::format("plan        {}\ntarget      {}, {} lanes of {}\n", to_string(choice.plan),
                                 problem.target.name, problem.lanes, name(accumulator_of(problem.spec.dtype)));
  if (problem.converts()) text += fmt::format("elements    of x and y are {}\n", name(problem.spec.dtype));
  text += fmt::format("polyphase   {} phases with {} taps at most, {} with the bias alone, reach {}\n", p.phases(),
                      p.max_taps(), p.stride - p.phases(), p.reach());
  for (const Variant& variant : choice.plan.variants) text += explain(problem, variant);

  // Useful multiply-adds of one group at the nominal length, at two vectors a cycle.
  const double ideal = static_cast<double>(nominal_columns * problem.in_channels() * problem.out_channels()) *
                       static_cast<double>(p.kernel_size) / (2.0 * problem.lanes);
  if (!choice.candidates.empty())
    text += fmt::format("candidates  predicted share of the FMA peak at {} columns\n", nominal_columns);
  for (std::size_t i = 0; i < std::min<std::size_t>(choice.candidates.size(), 10); ++i) {
    const Candidate& candidate = choice.candidates[i];
    text += fmt::format("  {:5.1f} %  {}\n", 100 * ideal / candidate.predicted_cycles, to_string(candidate.plan));
  }
  return text;
}

}  // namespace unstride::plan
