// unstride_bench: runs the measurements of docs/benchmarks.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "measurements.h"
#include "unstride/unstride.hpp"

int main(int argc, char** argv) {
  CLI::App app("Measures unstride on this machine; prints tables, writes JSON");
  std::string corpus = "data/layers.json", output;
  int rounds = 31;
  app.add_option("--corpus", corpus, "the corpus of layers")->check(CLI::ExistingFile)->capture_default_str();
  app.add_option("--rounds", rounds, "timed rounds of each measurement")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--json", output, "write the figures to this file");
  CLI11_PARSE(app, argc, argv);

  try {
    nlohmann::json report;
    for (const unstride::TargetInfo& target : unstride::Engine().targets())
      if (target.name == "cpu") report["target"] = target.description;
    fmt::print("{}\n\n", report["target"].get<std::string>());
    report["compile_times"] = unstride::bench::compile_times(corpus);
    fmt::print("\n");
    report["peak_share"] = unstride::bench::peak_share(rounds);
    fmt::print("\n");
    report["new_lengths"] = unstride::bench::new_lengths(rounds);
    fmt::print("\n");
    report["warm_start"] = unstride::bench::warm_start(corpus);
    if (!output.empty()) {
      std::ofstream file(output);
      file << report.dump(2) << '\n';
      if (!file.flush()) throw unstride::Error(fmt::format("{}: cannot be written", output));
    }
  } catch (const unstride::Error& error) {
    fmt::print(stderr, "unstride_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
