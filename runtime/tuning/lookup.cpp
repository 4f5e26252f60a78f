#include "runtime/tuning/lookup.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "codegen/plan/polyphase.h"

namespace unstride::tuning {

namespace {

constexpr std::int64_t reach = 4;

bool made_here(const Choice& choice, const Wanted& wanted) {
  return choice.unit.threads == wanted.threads && choice.unit.environment == wanted.environment;
}

bool same_processor(const Choice& choice, const Wanted& wanted) {
  return choice.unit.environment.processor == wanted.environment.processor &&
         choice.unit.environment.features == wanted.environment.features;
}

// Greater is better. The plan's text last, so that any two differ.
auto worth(const Choice& choice, const Wanted& wanted) {
  return std::tuple(made_here(choice, wanted), same_processor(choice, wanted), choice.unit.threads == wanted.threads,
                    choice.complete, !choice.unit.cold, choice.made, choice.plan);
}

std::int64_t middle(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(std::sqrt(static_cast<double>(a) * static_cast<double>(b)));
}

std::optional<std::int64_t> columns_of(const LayerSpec& spec, std::int64_t length) {
  try {
    return plan::Columns(spec, output_length(spec, length)).count;
  } catch (const SpecError&) {
    return {};
  }
}

struct Point {
  const Choice* choice;
  TunedColumns columns;
  std::optional<plan::CpuPlan> plan;  // nothing: the plan below stays
};

std::vector<Point> points(const std::vector<Choice>& choices, const Wanted& wanted, const ReadPlan& read) {
  std::vector<Point> result;
  for (const Choice& choice : choices) {
    const auto columns = columns_of(wanted.spec, choice.unit.length);
    if (!columns || *columns < 1 || (!result.empty() && result.back().columns.columns >= *columns)) continue;
    Point point{&choice, {.length = choice.unit.length, .columns = *columns}, {}};
    if (choice.plan != choice.default_plan) {
      point.plan = read(choice.plan);
      if (!point.plan) continue;
    }
    result.push_back(std::move(point));
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    TunedColumns& here = result[i].columns;
    here.above = (here.columns - 1) / reach;
    here.most = here.columns > plan::Variant::any / reach ? plan::Variant::any - 1 : here.columns * reach;
    if (i > 0) here.above = std::max(here.above, result[i - 1].columns.most);
    if (i + 1 < result.size()) here.most = std::min(here.most, middle(here.columns, result[i + 1].columns.columns));
  }
  return result;
}

}  // namespace

std::string_view name(Level level) {
  switch (level) {
    case Level::exact:
      return "exact";
    case Level::nearest:
      return "nearest";
    case Level::shipped:
      return "shipped";
    case Level::model:
      break;
  }
  return "model";
}

std::vector<Choice> select(std::vector<Choice> choices, const Wanted& wanted) {
  std::ranges::stable_sort(choices, [&](const Choice& a, const Choice& b) {
    if (a.unit.length != b.unit.length) return a.unit.length < b.unit.length;
    return worth(a, wanted) > worth(b, wanted);
  });
  const auto rest = std::ranges::unique(choices, {}, [](const Choice& choice) { return choice.unit.length; });
  choices.erase(rest.begin(), rest.end());
  return choices;
}

TunedPlan overlay(TunedPlan under, const std::vector<Choice>& choices, const Wanted& wanted, bool shipped,
                  const ReadPlan& read) {
  std::vector<Point> all = points(choices, wanted, read);
  if (all.empty()) return under;
  const auto point_at = [&](std::int64_t columns) -> const Point* {
    const auto found = std::ranges::find_if(
        all, [&](const Point& p) { return p.columns.above < columns && columns <= p.columns.most; });
    return found == all.end() ? nullptr : &*found;
  };

  std::vector<std::int64_t> ends;
  for (const plan::Variant& variant : under.plan.variants) ends.push_back(variant.most_columns);
  for (const Point& point : all) ends.insert(ends.end(), {point.columns.above, point.columns.most});
  std::ranges::sort(ends);
  const auto twice = std::ranges::unique(ends);
  ends.erase(twice.begin(), twice.end());

  TunedPlan result;
  for (const std::int64_t end : ends) {
    if (end < 1) continue;
    const Point* point = point_at(end);
    const plan::CpuPlan& plan =
        point && point->plan ? *point->plan : under.plan.variants[under.plan.index_for(end)].plan;
    auto& variants = result.plan.variants;
    if (!variants.empty() && variants.back().plan == plan)
      variants.back().most_columns = end;
    else
      variants.push_back({plan, end});
  }

  for (const TunedColumns& range : under.ranges)
    if (!point_at(range.columns)) result.ranges.push_back(range);
  for (Point& point : all) {
    point.columns.level = shipped ? Level::shipped : made_here(*point.choice, wanted) ? Level::exact : Level::nearest;
    result.ranges.push_back(point.columns);
  }
  std::ranges::sort(result.ranges, {}, &TunedColumns::columns);
  return result;
}

}  // namespace unstride::tuning
