// unstride_bench: runs the measurements of docs/benchmarks.md.
//
// With --start it is one of the processes that such a measurement starts.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "measurements.h"
#include "process_start.h"
#include "unstride/unstride.hpp"

namespace {

void write(const nlohmann::json& report, const std::string& path) {
  std::ofstream file(path);
  file << report.dump(2) << '\n';
  if (!file.flush()) throw unstride::Error(fmt::format("{}: cannot be written", path));
}

int run(int argc, char** argv) {
  CLI::App app("Measures unstride on this machine; prints tables, writes JSON");
  std::string corpus = "data/layers.json", output, only, start;
  int rounds = 31;
  namespace bench = unstride::bench;
  const std::vector<std::pair<std::string, std::function<nlohmann::json()>>> measurements = {
      {"compile_times", [&] { return bench::compile_times(corpus); }},
      {"peak_share", [&] { return bench::peak_share(rounds); }},
      {"new_lengths", [&] { return bench::new_lengths(rounds); }},
      {"warm_start", [&] { return bench::warm_start(corpus); }},
  };
  std::vector<std::string> names;
  for (const auto& [name, ignored] : measurements) names.push_back(name);

  app.add_option("--corpus", corpus, "the corpus of layers")->check(CLI::ExistingFile)->capture_default_str();
  app.add_option("--rounds", rounds, "timed rounds of each measurement")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--only", only, "this measurement alone")->check(CLI::IsMember(names));
  app.add_option("--json", output, "write the figures to this file");
  app.add_option("--start", start, "compile and run the corpus once, from this bundle, or \"cold\"; needs --json")
      ->type_name("BUNDLE")
      ->needs("--json");
  CLI11_PARSE(app, argc, argv);

  if (!start.empty()) {
    write(bench::start_here(corpus, start == "cold" ? std::string() : start), output);
    return 0;
  }
  nlohmann::json report;
  for (const unstride::TargetInfo& target : unstride::Engine().targets())
    if (target.name == "cpu") report["target"] = target.description;
  fmt::print("{}\n", report["target"].get<std::string>());
  for (const auto& [name, measure] : measurements) {
    if (!only.empty() && name != only) continue;
    fmt::print("\n");
    report[name] = measure();
  }
  if (!output.empty()) write(report, output);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fputs(("unstride_bench: " + std::string(error.what()) + "\n").c_str(), stderr);
    return 1;
  }
}
