#include "runtime/tuning/search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <thread>
#include <utility>

#include "unstride/error.hpp"

namespace unstride::tuning {

namespace {

constexpr int first_rounds = 3;   // of the first rung; each further one has twice as many
constexpr int rung_rounds = 21;   // at most, but for the last: the 95 % interval is between the 6th and the 16th
constexpr int fewest_rounds = 6;  // below, there is no 95 % interval
constexpr std::size_t finalists = 6;
// A sample of the last rung is so much longer: the first calls after another plan's are slower, by a percent or two
// more for some plans than for others, and the tenth is not yet what the hundredth is.
constexpr double last_sample_factor = 4;
constexpr double long_call_factor = 4;  // a check that took so many samples was mostly the call
// Of the fastest's time: what takes more beyond doubt gets no further rung, or no more rounds than end a search.
constexpr double hopeful_share = 1.05, promising_share = 1.03;
constexpr double building_share = 0.6;  // of the time that is left, at most
constexpr double crowding = 0.03;       // what a plan's prediction is raised by for each better one of its family
constexpr double settled_share = 0.98;  // of the chosen one's time: what may take less is worth more rounds

struct Entrant {
  std::string plan;
  std::unique_ptr<Contender> contender = {};
  int calls = 1, last_calls = 1;  ///< in a sample, in one of the last rung
};

// By the median.
std::size_t index_of_fastest(const std::vector<std::vector<double>>& times) {
  const auto median = [](const std::vector<double>& rounds) { return median_interval(rounds).median; };
  return static_cast<std::size_t>(std::ranges::min_element(times, {}, median) - times.begin());
}

std::string_view kind(std::string_view plan) {
  return plan.substr(0, plan.find(' '));
}

// The cheapest predicted first, but plans of a family, which share what the model got wrong, make room for others.
std::multimap<double, const Candidate*> diversified(const std::vector<Candidate>& candidates) {
  std::map<std::string_view, int> better;
  std::multimap<double, const Candidate*> result;  // by the raised prediction
  for (const Candidate& candidate : candidates)
    result.emplace(candidate.predicted * (1 + crowding * better[candidate.family]++), &candidate);
  return result;
}

// What one plan is expected to cost until it is decided on.
struct Costs {
  double build = 0, sample = 0, last_sample = 0;  ///< seconds; checking is part of building
  int last_rounds = 0;

  int rounds(int rung, std::size_t plans) const {
    return std::min(plans <= finalists ? last_rounds : first_rounds << rung, rung_rounds);
  }
  // Most plans are slow beyond doubt, and leave after their first rung.
  double from(int rung, std::size_t plans) const {
    const double last = static_cast<double>(std::min(plans, finalists)) * rounds(rung, finalists) * last_sample;
    return last + (plans <= finalists ? 0 : static_cast<double>(plans) * rounds(rung, plans) * sample);
  }
};

class Search {
 public:
  Search(Subject& subject, Clock& clock, const SearchOptions& options, const History& history, const SearchHooks& hooks,
         const std::stop_token& stop)
      : subject_(subject),
        clock_(clock),
        options_(options),
        hooks_(hooks),
        stop_(stop),
        start_(clock.now()),
        known_(history) {}

  SearchResult run() {
    enter_all();
    Field field = affordable_field();
    for (int rung = 0; field.size() > 1 && !interrupted(); ++rung) {
      measure(rung, costs_.rounds(rung, field.size()), field);
      if (interrupted_) break;
      if (field.size() <= finalists) {
        finish(rung, field);
        break;
      }
      field = better_half(field, rung + 1);
    }
    // Nothing but the default is left: it needs no measurement to win.
    if (entrants_.size() == 1 && !interrupted()) result_.complete = true;
    decide();
    return std::move(result_);
  }

 private:
  using Field = std::vector<Entrant*>;  // in the fixed order

  bool interrupted() {
    interrupted_ = interrupted_ || stop_.stop_requested() || clock_.now() - start_ >= options_.seconds;
    return interrupted_;
  }
  double remaining() { return options_.seconds - (clock_.now() - start_); }

  void enter_all() {
    result_.candidates = subject_.candidates().size();
    for (const std::string& plan : pruned(subject_, options_)) {
      const Sample* refused = known_.refused(plan);
      if (refused && plan != subject_.default_plan())
        refuse(*refused);
      else
        entrants_.push_back(std::make_unique<Entrant>(Entrant{.plan = plan}));
    }
  }

  // The default, and as many of the others as there is time for.
  Field affordable_field() {
    Entrant& first = *entrants_.front();
    const double before = clock_.now();
    first.contender = subject_.build(first.plan);
    const double build = (clock_.now() - before) / std::max(1, subject_.builders());
    if (const std::string wrong = first.contender->check(); !wrong.empty())
      throw Error("tuning: the default plan is wrong: " + wrong);
    const auto [sample, last_sample] = learn_calls(first);
    costs_ = {build + sample, sample, last_sample, options_.last_rounds};
    std::size_t plans = std::min(entrants_.size(), subject_.most_contenders());
    const auto cost = [&](std::size_t n) { return static_cast<double>(n) * costs_.build + costs_.from(0, n); };
    while (plans > 2 && cost(plans) > 0.9 * remaining()) --plans;
    plans = as_begun(0, entrants_.size(), plans, [&](std::size_t n) { return first_entrants(n); });
    expected_ = cost(plans);
    entrants_.resize(plans);
    return first_entrants(plans);
  }

  Field first_entrants(std::size_t plans) const {
    Field field;
    for (std::size_t i = 0; i < plans; ++i) field.push_back(entrants_[i].get());
    return field;
  }

  // What was begun goes on with the same plans, whatever time there is now: a search that was interrupted ends as one
  // that was not. `plans` where nothing was, else how many of at most so many.
  template <typename FieldOf>
  std::size_t as_begun(int rung, std::size_t most, std::size_t plans, const FieldOf& field_of) const {
    for (std::size_t n = most; n >= 2; --n)
      if (!known_.rounds(rung, plans_of(field_of(n))).front().empty()) return n;
    return plans;
  }

  // Returns what a sample costs, and one of the last rung, in seconds, with what comes before it.
  std::pair<double, double> learn_calls(Entrant& entrant) {
    double cost = 0;
    const auto sample = [&] {
      const double before = clock_.now();
      const double call = entrant.contender->time(entrant.calls);
      cost = clock_.now() - before;
      return std::max(call, 1e-9);
    };
    const double call = sample();
    const auto calls_in = [&](double seconds) {
      return static_cast<int>(std::clamp(std::ceil(seconds / call), 1.0, 1e5));
    };
    entrant.calls = calls_in(options_.sample_seconds);
    entrant.last_calls = calls_in(last_sample_factor * options_.sample_seconds);
    if (entrant.calls > 1) sample();
    return {cost, cost + (entrant.last_calls - entrant.calls) * call};
  }

  void refuse(const Sample& sample) {
    result_.tried.push_back({.plan = sample.plan, .outcome = sample.outcome, .reason = sample.reason});
  }

  // Builds what is not built yet, several at a time, then checks each alone. Takes out what fails, and what of the
  // first rung would leave too little time to measure the others.
  void prepare(int rung, Field& field) {
    Field missing;
    for (Entrant* entrant : field)
      if (!entrant->contender) missing.push_back(entrant);
    std::vector<std::string> failures(missing.size());
    std::atomic<std::size_t> next = 0;
    const double build_until = clock_.now() + building_share * remaining();
    const auto goes_on = [&](std::size_t i) { return rung > 0 || i == 0 || clock_.now() < build_until; };
    const auto build = [&] {
      for (std::size_t i = next++; i < missing.size() && !stop_.stop_requested() && goes_on(i); i = next++) try {
          missing[i]->contender = subject_.build(missing[i]->plan);
        } catch (const std::exception& error) {
          failures[i] = error.what();
        }
    };
    {
      std::vector<std::jthread> others;
      for (int i = 1; i < std::min<int>(subject_.builders(), static_cast<int>(missing.size())); ++i)
        others.emplace_back(build);
      build();
    }
    for (std::size_t i = 0; i < missing.size() && !interrupted(); ++i) {
      Entrant& entrant = *missing[i];
      if (!entrant.contender && failures[i].empty()) continue;
      Sample sample{.plan = entrant.plan, .outcome = Outcome::failed, .reason = failures[i]};
      const double before = clock_.now();
      if (entrant.contender) {
        sample.outcome = Outcome::wrong;
        sample.reason = entrant.contender->check();
      }
      if (sample.reason.empty()) {
        // A call that takes long is a sample; to time more of them would take a good part of its first rung.
        const double longest_sample = last_sample_factor * options_.sample_seconds;
        if (clock_.now() - before < long_call_factor * longest_sample) learn_calls(entrant);
        continue;
      }
      entrant.contender.reset();
      hooks_.record(sample);
      refuse(sample);
    }
    std::erase_if(field, [](const Entrant* entrant) { return !entrant->contender; });
  }

  // More rounds could at most show that another plan is faster by what is not worth them.
  bool is_settled() const {
    const std::vector<double>& chosen = times_[first_among_the_fastest(times_)];
    return std::ranges::all_of(
        times_, [&](const std::vector<double>& time) { return compare(time, chosen).ratio.low >= settled_share; });
  }

  // Plays the rounds of a rung that are not known yet; field_ and times_ are then this rung's.
  void measure(int rung, int rounds, Field& field) {
    std::vector<std::vector<double>> times = known_.rounds(rung, plans_of(field));
    const auto known = [&] { return static_cast<int>(times.front().size()); };
    if (known() < rounds) {
      prepare(rung, field);
      if (interrupted()) return;
      times = known_.rounds(rung, plans_of(field));
    }
    for (auto& row : times) row.resize(std::min(row.size(), static_cast<std::size_t>(rounds)));
    if (rung > reached_) result_.reused_rounds += known();
    reached_ = rung;
    int recorded = known();
    double last_record = clock_.now();
    const auto record = [&] {
      const std::string conditions = recorded < known() ? subject_.conditions() : "";
      for (std::size_t i = 0; i < field.size() && recorded < known(); ++i) {
        const Sample sample{.plan = field[i]->plan,
                            .rung = rung,
                            .first_round = recorded,
                            .calls = calls(*field[i], field),
                            .seconds = {times[i].begin() + recorded, times[i].end()},
                            .conditions = conditions};
        hooks_.record(sample);
        known_.add({}, sample);
      }
      recorded = known();
      last_record = clock_.now();
    };
    while (known() < rounds && play_round(field, times)) {
      ++result_.measured_rounds;
      if (clock_.now() - last_record >= options_.record_every) record();
      hooks_.progress(std::min(0.99, (clock_.now() - start_) / std::max(expected_, 1e-9)), best_);
    }
    record();
    if (known() >= std::min(rounds, fewest_rounds)) rank(rung, field, std::move(times));
  }

  static int calls(const Entrant& entrant, const Field& field) {
    return field.size() <= finalists ? entrant.last_calls : entrant.calls;
  }

  // Each once, another one first in each round. False when there was no time for all: then nothing is kept.
  bool play_round(const Field& field, std::vector<std::vector<double>>& times) {
    const std::size_t first = times.front().size() % field.size();
    std::vector<double> round(field.size());
    for (std::size_t k = 0; k < field.size(); ++k) {
      if (interrupted()) return false;
      const std::size_t i = (first + k) % field.size();
      round[i] = field[i]->contender->time(calls(*field[i], field));
    }
    for (std::size_t i = 0; i < field.size(); ++i) times[i].push_back(round[i]);
    return true;
  }

  static std::vector<std::string> plans_of(const Field& field) {
    std::vector<std::string> plans;
    for (const Entrant* entrant : field) plans.push_back(entrant->plan);
    return plans;
  }

  void rank(int rung, const Field& field, std::vector<std::vector<double>> times) {
    const int rounds = static_cast<int>(times.front().size());
    times_ = without_drift(std::move(times));
    field_ = field;
    for (std::size_t i = 0; i < field.size(); ++i) {
      const auto known = std::ranges::find(result_.tried, field[i]->plan, &Tried::plan);
      Tried& tried = known == result_.tried.end() ? result_.tried.emplace_back() : *known;
      tried = {.plan = field[i]->plan, .rung = rung, .rounds = rounds, .time = median_interval(times_[i])};
    }
    best_ = *std::ranges::find(result_.tried, field[index_of_fastest(times_)]->plan, &Tried::plan);
  }

  // The rounds of the last rung that are asked for beyond those that end a search, or that its result needs.
  void finish(int rung, Field& field) {
    if (options_.last_rounds > rung_rounds) {
      result_.complete = true;
      field = within(promising_share, field);
      measure(rung, options_.last_rounds, field);
    }
    for (int rounds = 2 * options_.last_rounds; rounds <= options_.most_rounds && !interrupted_ && !is_settled();
         rounds *= 2)
      measure(rung, rounds, field);
    result_.complete = result_.complete || !interrupted_;
  }

  // The default, and the others that may take no more than this share of the fastest's time.
  Field within(double share, const Field& field) const {
    const std::vector<double>& fastest = times_[index_of_fastest(times_)];
    Field result = {field.front()};
    for (std::size_t i = 1; i < field.size(); ++i)
      if (compare(times_[i], fastest).ratio.low <= share) result.push_back(field[i]);
    return result;
  }

  // The default, which stays to the end, and the better half of the others; fewer, but one at least, if there is no
  // time for so many, or no hope. What few rounds cannot tell apart is decided at the end, not here: the fastest would
  // be lost among its equals.
  Field better_half(const Field& field, int rung) {
    std::vector<std::size_t> order(field.size() - 1);
    std::iota(order.begin(), order.end(), 1);
    // By what they may take: what disturbs a round makes it longer, and of three the median is often one of those.
    std::vector<double> lows;
    for (const auto& time : times_) lows.push_back(median_interval(time).low);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return lows[i]; });
    const auto fastest = [&](std::size_t plans) {
      std::vector<std::size_t> chosen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(plans) - 1);
      chosen.push_back(0);
      std::ranges::sort(chosen);
      Field result;
      for (const std::size_t i : chosen) result.push_back(field[i]);
      return result;
    };
    const std::size_t hopeful = std::max<std::size_t>(2, within(hopeful_share, field).size());
    const std::size_t half = std::min(field.size() / 2 + 1, hopeful);
    std::size_t plans = half;
    while (plans > 2 && costs_.from(rung, plans) > remaining()) --plans;
    Field result = fastest(as_begun(rung, half, plans, fastest));
    for (const auto& entrant : entrants_)  // memory is for those who go on
      if (std::ranges::find(result, entrant.get()) == result.end()) entrant->contender.reset();
    return result;
  }

  void decide() {
    const std::string& plan = subject_.default_plan();
    result_.plan = plan;
    if (!times_.empty() && (result_.complete || enough_rounds()))
      result_.plan = field_[first_among_the_fastest(times_)]->plan;
    const auto by_plan = [&](const std::string& text) {
      const auto found = std::ranges::find(result_.tried, text, &Tried::plan);
      return found == result_.tried.end() ? Tried{.plan = text} : *found;
    };
    result_.settled = result_.complete && (times_.empty() || is_settled());
    result_.chosen = by_plan(result_.plan);
    result_.default_ = by_plan(plan);
    std::ranges::stable_sort(result_.tried, [](const Tried& a, const Tried& b) {
      return a.rung != b.rung ? a.rung > b.rung : a.time.median < b.time.median;
    });
  }

  bool enough_rounds() const {
    const auto of_default = std::ranges::find(result_.tried, subject_.default_plan(), &Tried::plan);
    return of_default != result_.tried.end() && of_default->rounds >= fewest_rounds;
  }

  Subject& subject_;
  Clock& clock_;
  const SearchOptions& options_;
  const SearchHooks& hooks_;
  const std::stop_token& stop_;
  const double start_;

  History known_;  // what was given, and what was recorded since
  bool interrupted_ = false;
  int reached_ = -1;                                // the highest rung that was begun
  std::vector<std::unique_ptr<Entrant>> entrants_;  // the default first, then as the model ranks them
  Costs costs_{};
  double expected_ = 0;
  Field field_;                             // of the last rung with enough rounds to tell
  std::vector<std::vector<double>> times_;  // [plan of it][round], without drift
  Tried best_;
  SearchResult result_;
};

}  // namespace

std::size_t first_among_the_fastest(const std::vector<std::vector<double>>& times) {
  const std::size_t fastest = index_of_fastest(times);
  if (compare(times.front(), times[fastest]).is_tie()) return 0;
  for (std::size_t i = 1; i < times.size(); ++i)
    if (compare(times[i], times[fastest]).is_tie() && !compare(times[i], times.front()).is_tie()) return i;
  return fastest;
}

std::vector<std::string> pruned(const Subject& subject, const SearchOptions& options) {
  const std::vector<Candidate>& all = subject.candidates();
  std::vector<std::string> result = {subject.default_plan()};
  std::vector<std::string_view> kinds = {kind(subject.default_plan())};
  const double most = all.empty() ? 0 : all.front().predicted * options.predicted_within;
  for (const auto& [raised, candidate] : diversified(all)) {
    const auto& [plan, predicted, family] = *candidate;
    if (plan == result.front()) continue;
    const bool first_of_kind = std::ranges::find(kinds, kind(plan)) == kinds.end();
    if (first_of_kind) kinds.push_back(kind(plan));
    const bool promising = predicted <= most && result.size() < options.most_candidates;
    if (promising || first_of_kind) result.push_back(plan);
  }
  return result;
}

SearchResult search(Subject& subject, Clock& clock, const SearchOptions& options, const History& history,
                    const SearchHooks& hooks, const std::stop_token& stop) {
  return Search(subject, clock, options, history, hooks, stop).run();
}

}  // namespace unstride::tuning
