// unstride_bench: runs the measurements of docs/benchmarks.md.
//
// With --start it is one of the processes that such a measurement starts.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/measurements.h"
#include "bench/peers/peer_library.h"
#include "bench/process_start.h"
#include "bench/serve.h"
#include "unstride/unstride.hpp"

namespace {

using unstride::bench::PeerOptions;

struct Section {
  std::string name;
  std::function<nlohmann::json()> run;
};

void write(const nlohmann::json& report, const std::string& path) {
  std::ofstream file(path);
  file << report.dump(2) << '\n';
  if (!file.flush()) throw unstride::Error(fmt::format("{}: cannot be written", path));
}

void add_peer_options(CLI::App& app, PeerOptions& options) {
  const char* group = "Cases of `peers`";
  app.add_option("--filter", options.filter, "only layers with this in their name or shape (\"ups.0\", \"k16 s8\")")
      ->group(group);
  app.add_option("--lengths", options.lengths, "these input lengths instead of the layers' own")
      ->take_all()
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->group(group);
  app.add_option("--threads", options.threads, "numbers of threads")
      ->take_all()
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->group(group);
  app.add_option("--peers", options.peers,
                 fmt::format("only these: {}", fmt::join(unstride::bench::peer_names(), ", ")))
      ->take_all()
      ->delimiter(',')
      ->check(CLI::IsMember(unstride::bench::peer_names()))
      ->group(group);
  app.add_option("--dtype", options.dtype, "type of the arrays")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag(
         "--fast", options.fast,
         "\"math\": \"fast\", beside strict math; the peak is then that of bfloat16 products, where a unit has them")
      ->group(group);
  app.add_option("--batch", options.batch, "batch size")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
  app.add_flag("--headline", options.headline, "only the corpus's headline layers")->group(group);
  app.add_flag("--cold", options.cold, "take inputs and outputs from beyond the second-level cache")->group(group);
  app.add_option("--max-flops", options.max_operations, "leave out cases with more operations than this (1e9)")
      ->check(CLI::PositiveNumber)
      ->group(group);
  app.add_option("--budget", options.budget_seconds, "start no further case after so many seconds")
      ->check(CLI::PositiveNumber)
      ->group(group);
  app.add_option("--patience", options.patience_seconds,
                 "wait so long for a sample that no other tenant of the processors disturbs, then take it all the same")
      ->check(CLI::NonNegativeNumber)
      ->group("Cases of `peers`")
      ->capture_default_str();
  app.add_option("--peer-rounds", options.rounds, "timed rounds of each case")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
}

int measure(int argc, char** argv) {
  CLI::App app("Measures unstride on this machine; prints tables, writes JSON");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // a script's user has the last word
  std::string corpus = "data/layers.json", output, start;
  int rounds = 31;
  bool serve = false;
  PeerOptions peer_options;
  const std::vector<Section> sections = {
      {"machine", [&] { return unstride::bench::machine(rounds); }},
      {"compile_times", [&] { return unstride::bench::compile_times(corpus); }},
      {"gpu_compile_times", [&] { return unstride::bench::gpu_compile_times(corpus); }},
      {"peak_share", [&] { return unstride::bench::peak_share(rounds); }},
      {"new_lengths", [&] { return unstride::bench::new_lengths(rounds); }},
      {"warm_start", [&] { return unstride::bench::warm_start(corpus); }},
      {"call_overhead", [&] { return unstride::bench::call_overhead(corpus, rounds); }},
      {"fork_join", [&] { return unstride::bench::fork_join(rounds); }},
      {"length_sweep", [&] { return unstride::bench::length_sweep(std::min(rounds, 5)); }},
      {"peers", [&] { return unstride::bench::peers(peer_options); }},
  };
  std::vector<std::string> names, only;
  for (const Section& section : sections) names.push_back(section.name);
  app.add_option("--only", only, fmt::format("sections to run, all if left out: {}", fmt::join(names, ", ")))
      ->take_all()
      ->delimiter(',')
      ->check(CLI::IsMember(names));
  app.add_option("--corpus", corpus, "the corpus of layers")->check(CLI::ExistingFile)->capture_default_str();
  app.add_option("--rounds", rounds, "timed rounds of each measurement but `peers`")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--json", output, "write the figures to this file");
  app.add_option("--start", start, "compile and run the corpus once, from this bundle, or \"cold\"; needs --json")
      ->type_name("BUNDLE")
      ->needs("--json");
  app.add_flag("--serve", serve, "measure on request, for bench/pytorch_peers.py");
  add_peer_options(app, peer_options);
  CLI11_PARSE(app, argc, argv);
  peer_options.corpus = corpus;

  if (serve) {
    unstride::bench::serve(corpus, std::cin, std::cout);
    return 0;
  }
  if (!start.empty()) {
    write(unstride::bench::start_here(corpus, start == "cold" ? std::string() : start), output);
    return 0;
  }
  nlohmann::json report;
  for (const unstride::TargetInfo& target : unstride::Engine().targets())
    if (target.name == "cpu") report["target"] = target.description;
  fmt::print("{}\n", report["target"].get<std::string>());
  for (const Section& section : sections) {
    if (!only.empty() && std::ranges::count(only, section.name) == 0) continue;
    fmt::print("\n");
    report[section.name] = section.run();
  }
  if (!output.empty()) write(report, output);
  if (report.contains("peers") && report["peers"]["mismatches"] != 0) {
    fmt::print(stderr, "unstride_bench: results differ between contenders\n");
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return measure(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(("unstride_bench: " + std::string(error.what()) + "\n").c_str(), stderr);
    return 1;
  }
}
