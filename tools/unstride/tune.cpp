// unstride tune: measure the plans of layers on this machine, and keep which are the fastest.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/support/progress.h"
#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_text.h"
#include "tools/unstride/describe.h"
#include "tools/unstride/interruption.h"
#include "tools/unstride/options.h"
#include "tools/unstride/spec_input.h"
#include "tools/unstride/subcommand.h"
#include "unstride/engine.hpp"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  std::vector<std::string> specs;
  std::vector<std::int64_t> lengths = {32, 256, 2048};
  std::vector<int> threads;
  std::string target = "cpu";
  double budget_seconds = 1800;
  std::optional<std::int64_t> candidates, rounds;
  bool cold = false, resume = false;
  double since = 0;
};

// "90", "90s", "10m", "1.5h"
double parse_duration(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const double seconds = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc{} || seconds == 0 || !(number > 0) || !std::isfinite(number))
    throw CLI::ValidationError("--budget", fmt::format("{}: must be a time as 90, 90s, 10m or 1.5h", text));
  return number * seconds;
}

// One result, and the engine's threads it is for; 0: it is for a device.
struct Item {
  const NamedSpec* named = nullptr;
  int threads = 0;
  TunedLength tuned;

  double gflops(double seconds) const {
    const double operations = 2.0 * static_cast<double>(tuned.length) * static_cast<double>(tuned.spec.weight_count());
    return seconds > 0 ? operations / seconds * 1e-9 : 0;
  }
};

Json to_report(const TunedTime& time) {
  Json report = {{"plan", time.plan}, {"outcome", time.outcome}};
  if (time.outcome != "ok") report["reason"] = time.reason;
  if (time.rounds > 0) report.update({{"rounds", time.rounds}, {"seconds", {time.median, time.low, time.high}}});
  return report;
}

Json to_report(const Item& item, const std::string& target) {
  const TunedLength& tuned = item.tuned;
  Json report = {{"source", item.named->source},
                 {"spec", Json::parse(to_json(tuned.spec))},
                 {"target", target},
                 {"threads", item.threads > 0 ? Json(item.threads) : Json()},
                 {"length", tuned.length},
                 {"spent_seconds", tuned.seconds}};
  if (!tuned.error.empty()) {
    report["error"] = tuned.error;
    return report;
  }
  report.update({{"complete", tuned.complete},
                 {"settled", tuned.settled},
                 {"reused", tuned.reused},
                 {"plan", tuned.plan},
                 {"default_plan", tuned.default_time.plan},
                 {"speedup", tuned.speedup()},
                 {"seconds", {tuned.chosen.median, tuned.chosen.low, tuned.chosen.high}},
                 {"default_seconds", {tuned.default_time.median, tuned.default_time.low, tuned.default_time.high}},
                 {"gflops", item.gflops(tuned.chosen.median)},
                 {"default_gflops", item.gflops(tuned.default_time.median)},
                 {"candidates", tuned.candidates},
                 {"rounds", tuned.rounds},
                 {"tried", Json::array()}});
  for (const TunedTime& tried : tuned.tried) report["tried"].push_back(to_report(tried));
  return report;
}

std::string to_text(const Item& item, const std::string& target) {
  const TunedLength& tuned = item.tuned;
  std::string text = fmt::format("{}, length {}, {}: ", item.named->source, tuned.length,
                                 item.threads > 0 ? count_text(item.threads, "thread") : target);
  if (!tuned.error.empty()) return text + tuned.error + "\n";
  const char* state = tuned.reused ? ", known" : tuned.complete ? "" : ", not complete";
  if (tuned.plan == tuned.default_time.plan)
    text += fmt::format("the default stays, {:.4g} ms{}\n", tuned.chosen.median * 1e3, state);
  else
    text += fmt::format("{:.3f} times as fast, {:.4g} ms against {:.4g} ms{}\n  {}\n", tuned.speedup(),
                        tuned.chosen.median * 1e3, tuned.default_time.median * 1e3, state, tuned.plan);
  for (const TunedTime& tried : tuned.tried)
    if (tried.outcome != "ok")
      text += fmt::format("  rejected, {}: {} ({})\n", tried.outcome, tried.plan, tried.reason);
  return text;
}

TuneOptions tune_options(const Arguments& arguments, double budget, const Interruption& interruption,
                         tools::Progress& progress) {
  TuneOptions options{.target = arguments.target,
                      .budget_seconds = budget,
                      .cold = arguments.cold,
                      .resume = arguments.resume,
                      .resume_since = arguments.since,
                      .most_candidates = arguments.candidates.value_or(TuneOptions().most_candidates),
                      .rounds = static_cast<int>(arguments.rounds.value_or(0)),
                      .stop = interruption.token()};
  options.progress = [&progress](const TuneProgress& at) {
    constexpr double steps = 1000;
    const double done = (static_cast<double>(at.done) + at.share) / static_cast<double>(at.total);
    const std::string best = at.best_seconds > 0 ? fmt::format(", best {:.4g} ms", at.best_seconds * 1e3) : "";
    progress.update(std::lround(steps * done), fmt::format("{}, length {}{}", describe(at.spec), at.length, best));
  };
  return options;
}

// Lengths at which a layer has an output; the others are named.
std::vector<TuneRequest> make_requests(const SpecInput& input, const Arguments& arguments, Outcome& outcome) {
  std::vector<TuneRequest> requests;
  for (const NamedSpec& named : input.specs) {
    requests.push_back({named.spec, {}});
    for (const std::int64_t length : arguments.lengths) try {
        output_length(named.spec, length);
        requests.back().lengths.push_back(length);
      } catch (...) {
        outcome.failures.push_back(failure_from(std::current_exception(), named.source));
      }
  }
  return requests;
}

Outcome tune(const Arguments& arguments) {
  if (is_cuda(arguments.target) && !arguments.threads.empty())
    throw UsageError(fmt::format("--threads: {}: is for cpu targets; {} runs on a device", arguments.threads.front(),
                                 arguments.target));
  const Interruption interruption;
  SpecInput input = read_specs(arguments.specs);
  Outcome outcome;
  outcome.failures = std::move(input.failures);
  const std::vector<TuneRequest> requests = make_requests(input, arguments, outcome);
  if (!outcome.failures.empty()) return outcome;

  outcome.json()["target"] = arguments.target;
  outcome.json()["results"] = Json::array();
  std::vector<int> thread_counts = arguments.threads;
  if (thread_counts.empty()) thread_counts = {0};
  double seconds = 0;
  std::string directory;
  for (std::size_t t = 0; t < thread_counts.size() && !interruption.token().stop_requested(); ++t) {
    const Engine engine({.threads = thread_counts[t], .cache = cache_options(arguments.cache)});
    require_known_target(engine, arguments.target);
    const double budget = (arguments.budget_seconds - seconds) / static_cast<double>(thread_counts.size() - t);
    tools::Progress progress("tune", 1000);
    const TuneReport report = engine.tune(requests, tune_options(arguments, budget, interruption, progress));
    progress.finish();
    seconds += report.seconds;
    directory = report.directory;
    std::size_t next = 0;
    for (std::size_t s = 0; s < requests.size(); ++s)
      for (std::size_t l = 0; l < requests[s].lengths.size(); ++l) {
        const int threads = is_cuda(arguments.target) ? 0 : engine.threads();
        const Item item{&input.specs[s], threads, report.results[next++]};
        outcome.json()["results"].push_back(to_report(item, arguments.target));
        outcome.text += to_text(item, arguments.target);
        if (!item.tuned.error.empty() && !report.stopped)
          outcome.failures.push_back(
              {item.named->source, "", fmt::format("length {}: {}", item.tuned.length, item.tuned.error), work_failed});
      }
  }
  outcome.json()["seconds"] = seconds;
  outcome.json()["budget_seconds"] = arguments.budget_seconds;
  outcome.json()["directory"] = directory;
  outcome.text += fmt::format("{:.1f} s; kept in {}\n", seconds, directory);
  if (interruption.token().stop_requested())
    outcome.failures.push_back({"", "", "interrupted; what was measured is kept, go on with --resume", work_failed});
  return outcome;
}

}  // namespace

Subcommand add_tune(CLI::App& root) {
  CLI::App* app = root.add_subcommand("tune", "Measure the plans of layers on this machine and keep the fastest");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("SPEC", arguments->specs, "a JSON file with a spec or an array of specs, or - for standard input")
      ->required()
      ->type_name("");
  app->add_option("--lengths", arguments->lengths, "input lengths to tune for; may be repeated, or hold commas")
      ->type_name("L,...")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app->add_option("--threads", arguments->threads, "threads; as many as processors if left out")
      ->type_name("T,...")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app->add_option("--target", arguments->target, "what to compile for, which this machine must be able to run")
      ->type_name("T")
      ->capture_default_str();
  app->add_option_function<std::string>(
         "--budget", [arguments](const std::string& text) { arguments->budget_seconds = parse_duration(text); },
         "time for all of it: 90s, 10m, 1.5h; 30m if left out")
      ->type_name("TIME");
  add_integer(*app, "--candidates", arguments->candidates, {2, 100'000},
              "most plans to measure for a length; 32 if left out");
  add_integer(*app, "--rounds", arguments->rounds, {1, 10'000},
              "of the last plans; 21 if left out, up to 84 while the result is not settled");
  app->add_flag("--cold", arguments->cold, "measure with the data out of the processor's caches");
  app->add_flag("--resume", arguments->resume, "go on where an earlier tune was interrupted, or had fewer rounds");
  app->add_option("--since", arguments->since,
                  "with --resume: what was measured before does not count; seconds since 1970")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  add_cache_options(*app, arguments->cache);
  app->footer(
      "Examples:\n"
      "  unstride tune layer.json --lengths 128,860 --budget 1m\n"
      "  unstride tune layers.json --lengths 860 --threads 1,2 --budget 1h --resume\n"
      "Kernels compiled afterwards use what was found. It wants the machine for itself.");
  return {app, [arguments](bool) { return tune(*arguments); }};
}

}  // namespace unstride::command
