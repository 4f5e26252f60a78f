#include "runtime/tuned_plans.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/processor.h"
#include "runtime/shipped_choices.h"

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

tuning::TunedPlan TunedPlans::find(const plan::CpuProblem& problem, plan::KernelPlan model, const std::string& target,
                                   int threads) {
  static const tuning::Choices shipped{std::string(shipped_choices)};
  tuning::TunedPlan result{std::move(model), {}};
  const std::shared_ptr<const tuning::Choices> own = choices();
  if (shipped.empty() && own->empty()) return result;

  tuning::Wanted wanted{
      .spec = problem.spec, .layer = to_json(problem.spec), .target = target, .threads = threads, .environment = {}};
  const auto read = [&](const std::string& text) -> std::optional<plan::CpuPlan> {
    try {
      return plan::choose_plan(problem, text).plan.general();
    } catch (const ArgumentError& error) {
      cache_.say_once(
          "tuned " + text,
          fmt::format("tuned plan is not used, as this version cannot compile it: {}; tune again", error.what()));
      return {};
    }
  };
  for (const auto& [choices, is_shipped] : {std::pair(&shipped, true), std::pair(own.get(), false)}) {
    std::vector<tuning::Choice> found = choices->find(wanted.layer, wanted.target);
    if (found.empty()) continue;
    wanted.environment = cpu_environment(problem.target);
    result = overlay(std::move(result), select(std::move(found), wanted), wanted, is_shipped, read);
  }
  return result;
}

std::vector<TunedRange> public_ranges(const std::vector<tuning::TunedColumns>& ranges) {
  std::vector<TunedRange> result;
  for (const tuning::TunedColumns& range : ranges) {
    // A length more is a column more.
    const std::int64_t before = range.columns - range.above - 1, after = range.most - range.columns;
    result.push_back({.length = range.length,
                      .shortest = std::max<std::int64_t>(1, range.length - before),
                      .longest = range.length + after,
                      .level = std::string(name(range.level))});
  }
  return result;
}

std::string planned_by(const CompileInfo& info, std::int64_t length) {
  if (info.plan_source != "tuning") return info.plan_source;
  for (const TunedRange& range : info.tuned) {
    if (length < range.shortest || length > range.longest) continue;
    return range.level == "exact" && length != range.length ? "nearest" : range.level;
  }
  return "model";
}

}  // namespace unstride
