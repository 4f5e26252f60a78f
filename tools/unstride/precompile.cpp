// unstride precompile: bring layers into the cache, for this machine and others, and into a bundle to take along.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tools/support/progress.h"
#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_text.h"
#include "tools/unstride/options.h"
#include "tools/unstride/spec_input.h"
#include "tools/unstride/subcommand.h"
#include "unstride/engine.hpp"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  std::vector<std::string> specs;
  std::vector<std::string> targets = {"cpu"};
  std::string bundle;
  std::string secret_key_file;
  std::optional<std::int64_t> jobs;
};

// One layer for one target, and what came of it.
struct Item {
  const NamedSpec* named;
  std::string target;
  CompileInfo info = {};
  std::optional<Failure> failure = {};

  std::string name() const { return fmt::format("{} for {}", named->source, target); }
  bool is_hit() const { return !failure && info.cache == "hit"; }
  bool is_compiled() const { return !failure && info.cache != "hit"; }
};

// Every spec for every target, each pair once.
std::vector<Item> make_items(const std::vector<NamedSpec>& specs, const std::vector<std::string>& targets) {
  std::vector<Item> items;
  std::set<std::pair<std::string, std::string>> seen;
  for (const std::string& target : targets)
    for (const NamedSpec& named : specs)
      if (seen.emplace(to_json(named.spec), target).second) items.push_back({&named, target});
  return items;
}

// A progress bar that several threads move, and lines that do not run into it.
class SharedProgress {
 public:
  explicit SharedProgress(std::int64_t total) : bar_("precompile", total) {}

  void finished(const Item& item) {
    const std::lock_guard lock(mutex_);
    bar_.update(++done_, item.name());
  }
  void say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    bar_.finish();
    std::fputs(fmt::format("unstride: {}\n", line).c_str(), stderr);
  }
  void finish() {
    const std::lock_guard lock(mutex_);
    bar_.finish();
  }

 private:
  std::mutex mutex_;
  tools::Progress bar_;
  std::int64_t done_ = 0;
};

// Calls work for each item, from so many threads, of which the caller is one. The work must not throw.
void for_each(std::vector<Item>& items, std::int64_t threads, const std::function<void(Item&)>& work) {
  std::atomic<std::size_t> next = 0;
  const auto take_items = [&] {
    for (std::size_t k = next++; k < items.size(); k = next++) work(items[k]);
  };
  std::vector<std::jthread> helpers;
  for (std::int64_t t = 1; t < std::min(threads, std::ssize(items)); ++t) helpers.emplace_back(take_items);
  take_items();
}

void precompile(const Engine& engine, Item& item, BundleBuilder* bundle) {
  try {
    item.info = engine.precompile(item.named->spec, {.target = item.target}, bundle);
  } catch (...) {
    item.failure = failure_from(std::current_exception(), item.name());
  }
}

Json to_report(const Item& item) {
  Json report = {{"source", item.named->source}, {"target", item.target}};
  if (item.failure) {
    report["error"] = item.failure->message;
    return report;
  }
  report["cache"] = item.info.cache;
  report["where"] = item.info.cache_where.empty() ? Json(nullptr) : Json(item.info.cache_where);
  report["plan"] = item.info.plan;
  report["compile_ms"] = item.info.compile_ms;
  report["code_bytes"] = item.info.code_bytes;
  return report;
}

// Everything or nothing: who takes a bundle along counts on all of it.
void write_bundle(const Arguments& arguments, const BundleBuilder& bundle, const std::string& secret_key,
                  Outcome& outcome) {
  Json& report = outcome.json()["bundle"];
  report = {{"path", arguments.bundle}, {"written", false}, {"entries", bundle.entries()}};
  if (!outcome.failures.empty()) {
    outcome.failures.push_back(
        {arguments.bundle, "", "the bundle was not written, since not everything could be compiled", work_failed});
    return;
  }
  try {
    bundle.write(arguments.bundle, secret_key);
  } catch (...) {
    outcome.failures.push_back(failure_from(std::current_exception()));
    return;
  }
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(arguments.bundle));
  report["written"] = true;
  report["bytes"] = bytes;
  report["signed"] = !secret_key.empty();
  outcome.text += fmt::format("bundle  {}, {}{}\n", arguments.bundle, size_text(bytes),
                              secret_key.empty() ? ", not signed" : ", signed");
}

// Refuses what cannot come to anything, before any work.
void require_usable(const Engine& engine, const Arguments& arguments, const std::string& directory) {
  for (const std::string& target : arguments.targets) require_known_target(engine, target);
  if (directory.empty() && arguments.bundle.empty()) {
    throw UsageError("precompile: no cache folder is in use, so nothing would be kept; give --bundle or --cache-dir");
  }
}

void report_items(const std::vector<Item>& items, double seconds, const Arguments& arguments, Outcome& outcome) {
  Json reports = Json::array();
  for (const Item& item : items) {
    reports.push_back(to_report(item));
    if (item.failure) outcome.failures.push_back(*item.failure);
  }
  const auto compiled = std::ranges::count_if(items, &Item::is_compiled);
  const auto hits = std::ranges::count_if(items, &Item::is_hit);
  const auto failed = std::ssize(items) - compiled - hits;
  outcome.json()["targets"] = arguments.targets;
  outcome.json()["compiled"] = compiled;
  outcome.json()["hits"] = hits;
  outcome.json()["failed"] = failed;
  outcome.json()["seconds"] = seconds;
  outcome.json()["items"] = std::move(reports);
  outcome.text = fmt::format("{} for {}: {} compiled, {} in the cache already, {} failed, {:.2f} s\n",
                             count_text(std::ssize(items), "kernel"), fmt::join(arguments.targets, ", "), compiled,
                             hits, failed, seconds);
}

Outcome precompile(const Arguments& arguments) {
  if (!arguments.secret_key_file.empty() && arguments.bundle.empty()) {
    throw UsageError("--sign: must come with --bundle, which is what is signed");
  }
  const auto start = std::chrono::steady_clock::now();
  const std::string& key_file = arguments.secret_key_file;
  const std::string secret_key = key_file.empty() ? std::string() : read_secret_key(key_file);
  SpecInput input = read_specs(arguments.specs);
  std::vector<Item> items = make_items(input.specs, arguments.targets);

  SharedProgress progress(std::ssize(items));
  EngineOptions options{.threads = static_cast<int>(arguments.jobs.value_or(0)),
                        .cache = cache_options(arguments.cache)};
  options.cache.log = [&](const std::string& line) { progress.say(line); };
  const Engine engine(options);
  const std::string directory = engine.cache_stats().directory;
  require_usable(engine, arguments, directory);
  BundleBuilder bundle;
  for_each(items, engine.threads(), [&](Item& item) {
    precompile(engine, item, arguments.bundle.empty() ? nullptr : &bundle);
    progress.finished(item);
  });
  progress.finish();

  Outcome outcome;
  outcome.failures = std::move(input.failures);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  report_items(items, elapsed.count(), arguments, outcome);
  outcome.json()["threads"] = engine.threads();
  outcome.json()["directory"] = directory.empty() ? Json(nullptr) : Json(directory);
  outcome.json()["bundle"] = nullptr;
  outcome.text += fmt::format("cache   {}\n", directory.empty() ? "none" : directory);
  if (!arguments.bundle.empty()) write_bundle(arguments, bundle, secret_key, outcome);
  return outcome;
}

}  // namespace

Subcommand add_precompile(CLI::App& root) {
  CLI::App* app = root.add_subcommand("precompile", "Compile layers into the cache, and into a bundle to take along");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("SPEC", arguments->specs, "a JSON file with a spec or an array of specs, or - for standard input")
      ->required()
      ->type_name("");
  // One value at a time, or a SPEC that follows would be taken for a target.
  app->add_option("--target", arguments->targets, "what to compile for; may be repeated, or hold commas")
      ->type_name("T,...")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->capture_default_str();
  app->add_option("--bundle", arguments->bundle, "write all of it into this one file, if nothing failed")
      ->type_name("FILE");
  app->add_option("--sign", arguments->secret_key_file, "sign the bundle; `unstride cache keygen` makes keys")
      ->type_name("KEYFILE");
  add_integer(*app, "-j", arguments->jobs, {1, 1024}, "threads; as many as processors if left out");
  add_cache_options(*app, arguments->cache);
  app->footer(
      "Examples:\n"
      "  unstride precompile layers.json\n"
      "  unstride precompile layers.json --target cpu:x86-64-v3,cpu:x86-64-v4 --bundle kernels.bundle\n"
      "What is in the cache already is not compiled again, so an interrupted run goes on where it was.");
  return {app, [arguments](bool) { return precompile(*arguments); }};
}

}  // namespace unstride::command
