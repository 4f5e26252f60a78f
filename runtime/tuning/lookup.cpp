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

// A measured length; `plan` is what won there, and nothing where what lies below stays.
template <typename Plan>
struct Point {
  const Choice* choice = nullptr;
  TunedColumns columns = {};
  std::optional<Plan> plan;
};

template <typename Plan>
std::vector<Point<Plan>> points(const std::vector<Choice>& choices, const Wanted& wanted,
                                const std::function<std::optional<Plan>(const std::string&)>& read) {
  std::vector<Point<Plan>> result;
  for (const Choice& choice : choices) {
    const auto columns = columns_of(wanted.spec, choice.unit.length);
    if (!columns || *columns < 1 || (!result.empty() && result.back().columns.columns >= *columns)) continue;
    Point<Plan> point{&choice, {.length = choice.unit.length, .columns = *columns}, {}};
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

template <typename Plan>
const Point<Plan>* point_at(const std::vector<Point<Plan>>& points, std::int64_t columns) {
  const auto found = std::ranges::find_if(
      points, [&](const Point<Plan>& point) { return point.columns.above < columns && columns <= point.columns.most; });
  return found == points.end() ? nullptr : &*found;
}

// The last columns of the stretches on each of which one plan is decided on.
template <typename Plan>
std::vector<std::int64_t> ends_of(std::vector<std::int64_t> ends, const std::vector<Point<Plan>>& points) {
  for (const Point<Plan>& point : points) ends.insert(ends.end(), {point.columns.above, point.columns.most});
  std::ranges::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::erase_if(ends, [](std::int64_t end) { return end < 1; });
  return ends;
}

// What is known of the points, over what was known.
template <typename Plan>
std::vector<TunedColumns> ranges_over(const std::vector<TunedColumns>& under, const std::vector<Point<Plan>>& points,
                                      const Wanted& wanted, bool shipped) {
  std::vector<TunedColumns> ranges;
  for (const TunedColumns& range : under)
    if (!point_at(points, range.columns)) ranges.push_back(range);
  for (const Point<Plan>& point : points) {
    ranges.push_back(point.columns);
    ranges.back().level = shipped ? Level::shipped : made_here(*point.choice, wanted) ? Level::exact : Level::nearest;
  }
  std::ranges::sort(ranges, {}, &TunedColumns::columns);
  return ranges;
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
  const auto same_length = [](const Choice& a, const Choice& b) { return a.unit.length == b.unit.length; };
  choices.erase(std::unique(choices.begin(), choices.end(), same_length), choices.end());
  return choices;
}

TunedPlan overlay(TunedPlan under, const std::vector<Choice>& choices, const Wanted& wanted, bool shipped,
                  const ReadPlan& read) {
  const auto all = points<plan::CpuPlan>(choices, wanted, read);
  if (all.empty()) return under;
  std::vector<std::int64_t> ends;
  for (const plan::Variant& variant : under.plan.variants) ends.push_back(variant.most_columns);
  TunedPlan result;
  for (const std::int64_t end : ends_of(std::move(ends), all)) {
    const auto* point = point_at(all, end);
    const plan::CpuPlan& plan =
        point && point->plan ? *point->plan : under.plan.variants[under.plan.index_for(end)].plan;
    auto& variants = result.plan.variants;
    if (!variants.empty() && variants.back().plan == plan)
      variants.back().most_columns = end;
    else
      variants.push_back({plan, end});
  }
  result.ranges = ranges_over(under.ranges, all, wanted, shipped);
  return result;
}

TunedGpuPlan overlay(TunedGpuPlan under, const std::vector<Choice>& choices, const Wanted& wanted, bool shipped,
                     const ReadTile& read) {
  const auto all = points<plan::GpuTile>(choices, wanted, read);
  if (all.empty()) return under;
  std::vector<std::int64_t> ends;
  for (const plan::GpuCalls& calls : under.plan.measured) ends.insert(ends.end(), {calls.least - 1, calls.most});

  // Tiles that calls are predicted to need stay as they are; others stay, or come, only where they are used.
  const std::size_t predicted = under.plan.tiles.size() - under.plan.only_where_measured;
  TunedGpuPlan result;
  std::vector<plan::GpuTile>& tiles = result.plan.tiles;
  tiles.assign(under.plan.tiles.begin(), under.plan.tiles.begin() + static_cast<std::ptrdiff_t>(predicted));
  std::int64_t above = 0;
  for (const std::int64_t end : ends_of(std::move(ends), all)) {
    const plan::GpuTile* tile = nullptr;
    const auto calls = std::ranges::find_if(under.plan.measured,
                                            [&](const plan::GpuCalls& c) { return c.least <= end && end <= c.most; });
    if (calls != under.plan.measured.end()) tile = &under.plan.tiles[calls->tile];
    if (const auto* point = point_at(all, end); point && point->plan) tile = &*point->plan;
    if (tile) {
      const auto index = static_cast<std::size_t>(std::ranges::find(tiles, *tile) - tiles.begin());
      if (index == tiles.size()) tiles.push_back(*tile);
      std::vector<plan::GpuCalls>& measured = result.plan.measured;
      if (!measured.empty() && measured.back().tile == index && measured.back().most == above)
        measured.back().most = end;
      else
        measured.push_back({above + 1, end, index});
    }
    above = end;
  }
  result.plan.only_where_measured = tiles.size() - predicted;
  result.ranges = ranges_over(under.ranges, all, wanted, shipped);
  return result;
}

}  // namespace unstride::tuning
