// Engine::tune: units of work, each searched within its share of the time, each result written as soon as it is there.
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <numeric>
#include <optional>

#include "runtime/engine_impl.h"
#include "runtime/tuning/journal.h"
#include "runtime/tuning/search.h"

namespace unstride {

namespace {

// The fastest that are kept with a choice, for people who ask what nearly won.
constexpr std::size_t rivals_kept = 6;

TunedTime public_time(const tuning::Tried& tried) {
  return {.plan = tried.plan,
          .outcome = std::string(name(tried.outcome)),
          .reason = tried.reason,
          .rounds = tried.rounds,
          .median = tried.time.median,
          .low = tried.time.low,
          .high = tried.time.high};
}

tuning::JournalPlace journal_place(const cache::LayeredCache& cache) {
  if (cache.mode() != CacheMode::read_write && cache.mode() != CacheMode::refresh)
    throw Error(fmt::format("tuning: the cache mode is {}, so nothing could be kept; must be rw or refresh",
                            name(cache.mode())));
  if (!cache.store() || !cache.store()->writable())
    throw Error("tuning: no cache folder that can be written is in use, so nothing would be kept; name one");
  return {.root = cache.store()->root(), .trust_foreign = cache.trusts_foreign()};
}

// Moves the calling thread to processors that a run with so many threads leaves free, behind everything else. False
// where there are none.
bool leave_processors_to(int threads) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof mine, &mine) != 0 || CPU_COUNT(&mine) <= threads) return false;
  int left = threads;
  for (int processor = 0; processor < CPU_SETSIZE && left > 0; ++processor)
    if (CPU_ISSET(processor, &mine)) {
      CPU_CLR(processor, &mine);
      --left;
    }
  constexpr int lowest_priority = 19;
  setpriority(PRIO_PROCESS, 0, lowest_priority);  // on Linux, of this thread
  return sched_setaffinity(0, sizeof mine, &mine) == 0;
}

class Tuner {
 public:
  Tuner(const Engine::Impl& engine, Backend& backend, const TuneOptions& options)
      : backend_(backend),
        measuring_(backend.measuring_processors(engine.threads)),
        options_(options),
        place_(journal_place(engine.cache)),
        journal_(place_),
        start_(clock_.now()) {
    if (!options.resume) return;
    samples_ = read_samples(place_, options.resume_since);
    choices_ = tuning::Choices(place_, options.resume_since);
  }

  TuneReport run(const std::vector<TuneRequest>& requests) {
    for (const TuneRequest& request : requests)
      for (const std::int64_t length : request.lengths)
        report_.results.push_back({.spec = request.spec, .length = length});
    const std::vector<std::size_t> order = by_size();
    for (std::size_t k = 0; k < order.size(); ++k) {
      TunedLength& result = report_.results[order[k]];
      const double before = clock_.now();
      try {
        if (stopped()) {
          result.error = "not reached";
        } else {
          const Tunable tunable = take(result);
          if (k + 1 < order.size()) prepare_ahead(report_.results[order[k + 1]]);
          tune(result, tunable, before);
        }
      } catch (const std::exception& error) {
        result.error = error.what();
      }
      result.seconds = clock_.now() - before;
      ++done_;
      report_progress(result, 0, {}, &result);
    }
    ahead_stop_.request_stop();
    if (ahead_.valid()) ahead_.wait();
    report_.seconds = clock_.now() - start_;
    report_.stopped = options_.stop.stop_requested();
    report_.directory = place_.root + "/tuning";
    return std::move(report_);
  }

 private:
  // Small work first: what it leaves of its share of the time goes to the larger.
  std::vector<std::size_t> by_size() const {
    std::vector<std::size_t> order(report_.results.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) {
      const TunedLength& result = report_.results[i];
      return static_cast<double>(result.spec.weight_count()) * static_cast<double>(result.length);
    });
    return order;
  }

  double remaining() { return options_.budget_seconds - (clock_.now() - start_); }
  bool stopped() { return options_.stop.stop_requested() || remaining() <= 0; }

  Tunable prepare(const LayerSpec& spec, std::int64_t length) const {
    return backend_.tunable(spec, {.target = options_.target, .length = length, .cold = options_.cold});
  }

  // While one is measured, processors that it leaves free compile for the next.
  void prepare_ahead(const TunedLength& next) {
    ahead_stop_ = std::stop_source();
    ahead_ = std::async(
        std::launch::async,
        [this, spec = next.spec, length = next.length, stop = ahead_stop_.get_token()]() -> std::optional<Tunable> {
          if (!leave_processors_to(measuring_)) return {};
          Tunable tunable = prepare(spec, length);
          if (known(tunable)) return tunable;
          for (const std::string& plan : pruned(*tunable.subject, search_options(0))) {
            if (stop.stop_requested()) break;
            try {
              tunable.subject->build_ahead(plan);
            } catch (const std::exception&) {  // is met again when it is built
            }
          }
          return tunable;
        });
  }

  Tunable take(const TunedLength& result) {
    ahead_stop_.request_stop();
    if (ahead_.valid())
      if (auto tunable = ahead_.get()) return *std::move(tunable);
    return prepare(result.spec, result.length);
  }

  // Complete, and with as many rounds as are asked for, unless there was nothing to compare.
  std::optional<tuning::Choice> known(const Tunable& tunable) const {
    auto choice = choices_.find(tunable.unit);
    if (!choice || !choice->complete) return {};
    const auto chosen = std::ranges::find(choice->tried, choice->plan, &tuning::Tried::plan);
    const bool compared = chosen != choice->tried.end() && chosen->rounds > 0;
    if (compared && chosen->rounds < search_options(0).last_rounds) return {};
    return choice;
  }

  tuning::SearchOptions search_options(double seconds) const {
    tuning::SearchOptions search;
    search.seconds = seconds;
    search.most_candidates = static_cast<std::size_t>(options_.most_candidates);
    if (options_.rounds > 0) search.last_rounds = search.most_rounds = options_.rounds;
    if (options_.cold) search.sample_seconds = 0;  // each call is flushed before, which takes far longer
    return search;
  }

  void tune(TunedLength& result, const Tunable& tunable, double start) {
    if (const auto before = known(tunable)) {
      fill(result, *before);
      result.reused = true;
      return;
    }
    const auto units = static_cast<double>(std::ssize(report_.results) - done_);
    const tuning::SearchOptions search = search_options(remaining() / units);
    const tuning::SearchHooks hooks{
        .record = [&](const tuning::Sample& sample) { journal_.add(tunable.unit, sample); },
        .progress = [&](double share, const tuning::Tried& best) { report_progress(result, share, best, nullptr); }};
    const auto found = samples_.find(tunable.unit.key());
    const tuning::History history = found == samples_.end() ? tuning::History() : found->second;
    const tuning::SearchResult searched =
        tuning::search(*tunable.subject, clock_, search, history, hooks, options_.stop);
    // Without a measurement there is nothing to choose by.
    if (!searched.complete && searched.chosen.rounds == 0) {
      result.error =
          options_.stop.stop_requested() ? "stopped before it was measured" : "no time was left to measure it";
      return;
    }
    const tuning::Choice choice = make_choice(tunable, searched, clock_.now() - start);
    journal_.add(choice);
    fill(result, choice);
  }

  tuning::Choice make_choice(const Tunable& tunable, const tuning::SearchResult& searched, double took) const {
    tuning::Choice choice{.unit = tunable.unit,
                          .plan = searched.plan,
                          .default_plan = tunable.subject->default_plan(),
                          .complete = searched.complete,
                          .settled = searched.settled,
                          .time = searched.chosen.time,
                          .default_time = searched.default_.time,
                          .candidates = static_cast<std::int64_t>(searched.candidates),
                          .rounds = searched.measured_rounds,
                          .made = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()),
                          .took = took};
    for (const tuning::Tried& tried : searched.tried)
      if (choice.tried.size() < rivals_kept || tried.outcome != tuning::Outcome::ok) choice.tried.push_back(tried);
    return choice;
  }

  static void fill(TunedLength& result, const tuning::Choice& choice) {
    result.complete = choice.complete;
    result.settled = choice.settled;
    result.plan = choice.plan;
    for (const tuning::Tried& tried : choice.tried) result.tried.push_back(public_time(tried));
    const auto time_of = [&](const std::string& plan, const tuning::Interval& time) {
      TunedTime found{.plan = plan, .median = time.median, .low = time.low, .high = time.high};
      for (const TunedTime& tried : result.tried)
        if (tried.plan == plan) found.rounds = tried.rounds;
      return found;
    };
    result.chosen = time_of(choice.plan, choice.time);
    result.default_time = time_of(choice.default_plan, choice.default_time);
    result.candidates = choice.candidates;
    result.rounds = choice.rounds;
  }

  void report_progress(const TunedLength& at, double share, const tuning::Tried& best, const TunedLength* finished) {
    if (!options_.progress) return;
    options_.progress({.done = done_,
                       .total = std::ssize(report_.results),
                       .finished = finished,
                       .spec = at.spec,
                       .length = at.length,
                       .share = share,
                       .best_plan = best.plan,
                       .best_seconds = best.time.median});
  }

  Backend& backend_;
  int measuring_;
  const TuneOptions& options_;
  tuning::SteadyClock clock_;
  tuning::JournalPlace place_;
  tuning::Journal journal_;
  std::map<std::string, tuning::History> samples_;
  tuning::Choices choices_;
  double start_;
  std::int64_t done_ = 0;
  TuneReport report_;
  std::stop_source ahead_stop_;
  std::future<std::optional<Tunable>> ahead_;
};

}  // namespace

TuneReport Engine::tune(const std::vector<TuneRequest>& requests, const TuneOptions& options) const {
  if (!(options.budget_seconds > 0)) throw ArgumentError("budget_seconds: must be greater than 0");
  if (options.rounds < 0) throw ArgumentError("rounds: must not be negative");
  if (options.most_candidates < 2)
    throw ArgumentError(fmt::format("most_candidates: {}: must be at least 2", options.most_candidates));
  for (const TuneRequest& request : requests) {
    validate(request.spec);
    if (request.lengths.empty()) throw ArgumentError("lengths: are missing; give at least one for each layer");
    for (const std::int64_t length : request.lengths) output_length(request.spec, length);
  }
  Backend& backend = impl_->backend(options.target);
  TuneReport report = Tuner(*impl_, backend, options).run(requests);
  backend.reload_tuned_plans();
  impl_->kernels.clear();
  // What was tuned is ready to be used: also under mode require, and by the next process.
  auto result = report.results.begin();
  for (const TuneRequest& request : requests) {
    const auto end = result + std::ssize(request.lengths);
    const bool tuned = std::any_of(result, end, [](const TunedLength& length) { return length.error.empty(); });
    if (tuned && !options.stop.stop_requested()) backend.precompile(request.spec, {.target = options.target}, nullptr);
    result = end;
  }
  return report;
}

}  // namespace unstride
