#include "runtime/tuned_plans.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/processor.h"
#include "runtime/shipped_choices.h"
#include "support/checked_math.h"

namespace unstride {

std::shared_ptr<const tuning::Choices> TunedPlans::choices() {
  const std::lock_guard lock(mutex_);
  if (!choices_) {
    const cache::Store* store = cache_.store();
    choices_ = std::make_shared<const tuning::Choices>(
        tuning::JournalPlace{.root = store ? store->root() : "", .trust_foreign = cache_.trusts_foreign()});
  }
  return choices_;
}

void TunedPlans::reload() {
  const std::lock_guard lock(mutex_);
  choices_.reset();
}

template <typename Plan, typename Read>
tuning::Tuned<Plan> TunedPlans::lay_over(Plan model, tuning::Wanted wanted,
                                         const std::function<tuning::Environment()>& environment, const Read& read) {
  static const tuning::Choices shipped{std::string(shipped_choices)};
  tuning::Tuned<Plan> result{std::move(model), {}};
  const std::shared_ptr<const tuning::Choices> own = choices();
  if (shipped.empty() && own->empty()) return result;
  for (const auto& [choices, is_shipped] : {std::pair(&shipped, true), std::pair(own.get(), false)}) {
    std::vector<tuning::Choice> found = choices->find(wanted.layer, wanted.target);
    if (found.empty()) continue;
    wanted.environment = environment();
    result = overlay(std::move(result), select(std::move(found), wanted), wanted, is_shipped, read);
  }
  return result;
}

void TunedPlans::say_is_not_used(const std::string& plan, const ArgumentError& error) {
  cache_.say_once(
      "tuned " + plan,
      fmt::format("tuned plan is not used, as this version cannot compile it: {}; tune again", error.what()));
}

tuning::TunedPlan TunedPlans::find(const plan::CpuProblem& problem, plan::KernelPlan model, const std::string& target,
                                   int threads) {
  const auto read = [&](const std::string& text) -> std::optional<plan::CpuPlan> {
    try {
      return plan::choose_plan(problem, text).plan.general();
    } catch (const ArgumentError& error) {
      say_is_not_used(text, error);
      return {};
    }
  };
  return lay_over(
      std::move(model),
      {.spec = problem.spec, .layer = to_json(problem.spec), .target = target, .threads = threads, .environment = {}},
      [&] { return cpu_environment(problem.target); }, tuning::ReadPlan(read));
}

tuning::TunedGpuPlan TunedPlans::find(const plan::GpuProblem& problem, plan::GpuPlan model,
                                      const std::function<tuning::Environment()>& environment) {
  const auto read = [&](const std::string& text) -> std::optional<plan::GpuTile> {
    try {
      return plan::read_gpu_tile(problem, text);
    } catch (const ArgumentError& error) {
      say_is_not_used(text, error);
      return {};
    }
  };
  return lay_over(std::move(model),
                  {.spec = problem.spec,
                   .layer = to_json(problem.spec),
                   .target = std::string(problem.target.name),
                   .threads = threads_of_gpu,
                   .environment = {}},
                  environment, tuning::ReadTile(read));
}

std::vector<TunedRange> public_ranges(const std::vector<tuning::TunedColumns>& ranges, bool of_batch) {
  std::vector<TunedRange> result;
  for (const tuning::TunedColumns& range : ranges) {
    // A length more is a column more.
    const std::int64_t before = range.columns - range.above - 1, after = range.most - range.columns;
    result.push_back({.length = range.length,
                      .shortest = std::max<std::int64_t>(1, range.length - before),
                      .longest = range.length + after,
                      .level = std::string(name(range.level)),
                      .batch_columns = of_batch ? range.columns : 0});
  }
  return result;
}

std::string chosen_by(const std::string& plan_source, const std::vector<TunedRange>& tuned) {
  if (plan_source == "bundle") return "chosen by   a bundle, which brings this plan\n";
  std::string text;
  for (const TunedRange& range : tuned)
    text += fmt::format("tuned       lengths {} to {}: {}, measured at {}\n", range.shortest, range.longest,
                        range.level, range.length);
  return text;
}

std::string planned_by(const CompileInfo& info, std::int64_t length, std::int64_t batch) {
  if (info.plan_source != "tuning") return info.plan_source;
  for (const TunedRange& range : info.tuned) {
    const bool exact = length == range.length && (batch == 1 || range.batch_columns == 0);
    // A call of L inputs has L and a constant columns.
    const std::int64_t constant = range.batch_columns == 0 ? 0 : range.batch_columns - range.length;
    const auto columns = support::checked_mul(range.batch_columns == 0 ? 1 : batch, length + constant);
    if (!columns || *columns < range.shortest + constant || *columns > range.longest + constant) continue;
    return range.level == "exact" && !exact ? "nearest" : range.level;
  }
  return "model";
}

}  // namespace unstride
