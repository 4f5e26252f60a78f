#include "codegen/plan/gpu_planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>

namespace unstride::plan {

namespace {

// Calls that stand for all others: from one frame of a stream to a batch of long signals.
struct Call {
  std::int64_t batch, columns;
};
constexpr std::array calls = {Call{1, 2},     Call{1, 9},   Call{1, 33},   Call{1, 65},    Call{1, 129},
                              Call{1, 257},   Call{1, 513}, Call{1, 1025}, Call{1, 2049},  Call{1, 8193},
                              Call{1, 65537}, Call{16, 33}, Call{16, 513}, Call{16, 4097}, Call{16, 131073}};

// A variant is worth its code, which takes the compiler some 150 ms, where it lowers the cost by this factor.
constexpr double worthwhile = 0.95;
constexpr std::size_t most_variants = 4;

using Times = std::array<double, calls.size()>;  // of one tile, or of the fastest of several

constexpr Times never = [] {
  Times times{};
  times.fill(std::numeric_limits<double>::infinity());
  return times;
}();

// The mean over all calls of what each takes in units of the least time, squared: one slow call matters more than
// several that are a little slower.
double cost(const Times& times, const Times& least) {
  double sum = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) sum += times[i] / least[i] * (times[i] / least[i]);
  return sum / calls.size();
}

Times least_of(const Times& a, const Times& b) {
  Times result;
  for (std::size_t i = 0; i < calls.size(); ++i) result[i] = std::min(a[i], b[i]);
  return result;
}

// Tiles that read the same packed weights.
struct Family {
  std::vector<GpuTile> tiles;
  std::vector<Times> times;
};

// Tiles of a family, by their places there.
struct Selection {
  std::vector<std::size_t> places;
  double cost = std::numeric_limits<double>::infinity();
};

// Gives one of the selection's places to the tile that is best beside the others. Whether that lowers the cost; else
// all stays as it is.
bool exchange(const Family& family, const Times& least, Selection& selection, std::size_t& place) {
  Times others = never;
  for (const std::size_t& other : selection.places)
    if (&other != &place) others = least_of(others, family.times[other]);
  std::vector<double> costs;
  for (const Times& times : family.times) costs.push_back(cost(least_of(others, times), least));
  const auto best = std::ranges::min_element(costs);
  if (*best >= selection.cost) return false;
  place = static_cast<std::size_t>(best - costs.begin());
  selection.cost = *best;
  return true;
}

// One tile more, then each in turn, until all are best beside the others.
Selection select(const Family& family, const Times& least) {
  Selection result;
  while (result.places.size() < most_variants) {
    Selection more{.places = result.places};
    bool better = exchange(family, least, more, more.places.emplace_back());
    while (better) {
      better = false;
      for (std::size_t& place : more.places) better |= exchange(family, least, more, place);
    }
    if (!(more.cost < worthwhile * result.cost)) break;
    result = more;
  }
  return result;
}

GpuPlan cheapest(const GpuProblem& problem, std::span<const GpuCandidate> candidates) {
  std::map<std::string, Family> families;  // by what packed weights they read
  Times least = never;
  for (const GpuCandidate& candidate : candidates) {
    const GpuStrategy& strategy = strategy_of(candidate.tile);
    Times times;
    for (std::size_t i = 0; i < calls.size(); ++i)
      times[i] = strategy.predict(problem, candidate.tile, calls[i].batch, calls[i].columns);
    least = least_of(least, times);
    Family& family = families[strategy.weight_layout(problem, candidate.tile)];
    family.tiles.push_back(candidate.tile);
    family.times.push_back(times);
  }
  const Family* best_family = nullptr;
  Selection best;
  for (const auto& [layout, family] : families) {
    const Selection selection = select(family, least);
    if (best_family == nullptr || selection.cost < best.cost) best_family = &family, best = selection;
  }
  GpuPlan plan;
  for (const std::size_t place : best.places) plan.tiles.push_back(best_family->tiles[place]);
  return plan;
}

void require_legal(const GpuProblem& problem, const GpuTile& tile) {
  const std::string wrong = strategy_of(tile).why_illegal(problem, tile);
  if (!wrong.empty()) throw ArgumentError(fmt::format("plan: \"{}\": {}", to_string(tile), wrong));
}

void require_legal(const GpuProblem& problem, const GpuPlan& plan) {
  const auto predicted = std::span(plan.tiles).first(plan.tiles.size() - plan.only_where_measured);
  if (std::ranges::all_of(predicted, [](const GpuTile& tile) { return splits_of(tile) > 1; }))
    throw ArgumentError(
        fmt::format("plan: \"{}\": a plan needs a tile with splits=1 too, for large calls", to_string(plan)));
  for (const GpuTile& tile : plan.tiles) require_legal(problem, tile);
}

}  // namespace

GpuPlanChoice choose_gpu_plan(const GpuProblem& problem, std::string_view wanted) {
  GpuPlanChoice choice;
  if (wanted.find('=') != wanted.npos) {
    choice.plan = parse_gpu_plan(wanted);
    require_legal(problem, choice.plan);
    return choice;
  }
  bool known = wanted.empty();
  for (const GpuStrategy* strategy : gpu_strategies()) {
    if (!wanted.empty() && strategy->name != wanted) continue;
    known = true;
    for (const GpuTile& tile : strategy->enumerate(problem))
      choice.candidates.push_back({tile, strategy->predict(problem, tile, 1, nominal_gpu_columns)});
  }
  if (!known) parse_gpu_plan(wanted);  // says which strategies there are
  if (choice.candidates.empty()) {
    if (wanted.empty()) throw ArgumentError(fmt::format("plan: no GPU strategy can compute this layer"));
    throw ArgumentError(fmt::format("plan: {} cannot compute this layer on {}", wanted, problem.target.name));
  }
  std::ranges::stable_sort(choice.candidates, {}, &GpuCandidate::predicted_microseconds);
  choice.plan = cheapest(problem, choice.candidates);
  return choice;
}

GpuTile read_gpu_tile(const GpuProblem& problem, std::string_view text) {
  const GpuPlan plan = parse_gpu_plan(text);
  if (plan.tiles.size() != 1) throw ArgumentError(fmt::format("plan: \"{}\": must be one tile", text));
  require_legal(problem, plan.tiles.front());
  return plan.tiles.front();
}

std::string explain(const GpuProblem& problem, const GpuPlanChoice& choice) {
  const Polyphase& p = problem.polyphase;
  std::string text =
      fmt::format("plan        {}\ntarget      {}, {} multiprocessors, sums of {}\n", to_string(choice.plan),
                  problem.target.name, problem.target.multiprocessors, name(accumulator_of(problem.spec.dtype)));
  text += fmt::format("polyphase   {} phases with {} taps at most, {} with the bias alone, reach {}\n", p.phases(),
                      p.max_taps(), p.stride - p.phases(), p.reach());
  for (std::size_t i = 0; i < choice.plan.tiles.size(); ++i) {
    const GpuLaunch launch = launch_of(problem, choice.plan.tiles[i], 1, 1);
    text += fmt::format("variant {}   {}\n  block     {} threads, {} bytes of shared memory\n", i,
                        to_string(choice.plan.tiles[i]), launch.threads, launch.shared_bytes);
  }
  for (const GpuCalls& range : choice.plan.measured)
    text += fmt::format("measured    variant {} is the best for {} to {} of batch x columns\n", range.tile, range.least,
                        range.most);
  text += "calls       batch x columns: variant, blocks, predicted microseconds\n";
  for (const auto& [batch, columns] : calls) {
    const std::size_t i = variant_for(problem, choice.plan, batch, columns);
    const GpuTile& tile = choice.plan.tiles[i];
    const GpuLaunch launch = launch_of(problem, tile, batch, columns);
    text +=
        fmt::format("  {:2} x {:6}: {}, {}, {:.1f}{}\n", batch, columns, i, launch.blocks,
                    strategy_of(tile).predict(problem, tile, batch, columns),
                    launch.workspace_bytes > 0 ? fmt::format(", {} bytes of workspace", launch.workspace_bytes) : "");
  }
  if (!choice.candidates.empty())
    text += fmt::format("candidates  predicted microseconds at {} columns\n", nominal_gpu_columns);
  for (std::size_t i = 0; i < std::min<std::size_t>(choice.candidates.size(), 10); ++i)
    text += fmt::format("  {:8.1f}  {}\n", choice.candidates[i].predicted_microseconds,
                        to_string(choice.candidates[i].tile));
  return text;
}

}  // namespace unstride::plan
