#include "process_start.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>

#include "statistics.h"
#include "tools/support/corpus.h"
#include "tools/support/random_data.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

namespace {

// FNV-1a over the bits: two processes that print the same digest computed the same.
void add_to_digest(std::uint64_t& digest, const std::vector<float>& values) {
  for (const float value : values) digest = (digest ^ std::bit_cast<std::uint32_t>(value)) * 0x100000001b3u;
}

void run(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (const int error = posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ); error != 0)
    throw Error(fmt::format("{}: cannot be started: error {}", arguments[0], error));
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0)
    throw Error(fmt::format("{}: the new process failed (status {})", fmt::join(arguments, " "), status));
}

}  // namespace

nlohmann::json start_here(const std::filesystem::path& corpus, const std::string& bundle) {
  const CacheOptions cache = bundle.empty() ? CacheOptions{.mode = CacheMode::off}
                                            : CacheOptions{.mode = CacheMode::require,
                                                           .directory = bundle + ".no-folder",  // the bundle is all
                                                           .bundles = std::vector{bundle}};
  const std::vector<tools::CorpusLayer> layers = tools::read_corpus(corpus);
  const Engine engine({.threads = 1, .cache = cache});
  double ready_s = 0;
  std::uint64_t digest = 0xcbf29ce484222325u;
  for (const tools::CorpusLayer& layer : layers) {
    Kernel kernel;
    ready_s += seconds([&] { kernel = engine.compile(layer.spec); });
    const LayerSpec& spec = layer.spec;
    const PackedWeights weights = kernel.pack(tools::random_values<float>(spec.weight_count(), 2),
                                              tools::random_values<float>(spec.bias ? spec.out_channels : 0, 3));
    const std::int64_t length = layer.lengths.front();
    const std::vector<float> x = tools::random_values<float>(spec.in_channels * length, 1);
    std::vector<float> y(static_cast<std::size_t>(spec.out_channels * kernel.output_length(length)));
    kernel.run(x, weights, y, {.length = length});
    add_to_digest(digest, y);
  }
  return {{"layers", layers.size()},
          {"ready_s", ready_s},
          {"compilations", engine.statistics().compilations},
          {"digest", fmt::format("{:016x}", digest)}};
}

nlohmann::json start_in_new_process(const std::filesystem::path& corpus, const std::string& bundle,
                                    const std::filesystem::path& scratch_folder) {
  const std::string report_file = scratch_folder / "report.json";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::vector<std::string> arguments = {self, "--corpus", corpus, "--json", report_file, "--start"};
  arguments.push_back(bundle.empty() ? "cold" : bundle);
  const double process_s = seconds([&] { run(arguments); });
  std::ifstream file(report_file);
  nlohmann::json report = nlohmann::json::parse(file);
  report["process_s"] = process_s;
  return report;
}

}  // namespace unstride::bench
