#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "measurements.h"
#include "statistics.h"
#include "temporary_folder.h"
#include "tools/support/corpus.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

namespace {

constexpr const char* target = "cuda:sm_90a";

// Kernels of the cache whose threads spill, by the compiler's report.
int spilling_kernels(const Engine& engine) {
  int count = 0;
  for (const CacheEntry& entry : engine.cache_entries())
    count += static_cast<int>(std::ranges::count_if(entry.notes, [](const CacheField& note) {
      return note.value.find("spilled") != std::string::npos &&
             note.value.find(", 0 bytes spilled") == std::string::npos;
    }));
  return count;
}

}  // namespace

nlohmann::json gpu_compile_times(const std::filesystem::path& corpus) {
  const TemporaryFolder folder;
  const auto engine = [&] { return Engine({.threads = 1, .cache = {.directory = folder.string() + "/cache"}}); };
  const Engine cold = engine();
  const auto targets = cold.targets();
  const auto found = std::ranges::find(targets, target, &TargetInfo::name);
  if (found == targets.end() || !found->compiles) {
    fmt::print("NVRTC: not measured: {}\n", found == targets.end() ? "this build has no CUDA" : found->description);
    return nullptr;
  }

  const std::vector<tools::CorpusLayer> layers = tools::read_corpus(corpus);
  auto rows = nlohmann::json::array();
  std::vector<double> all, cached;
  for (const tools::CorpusLayer& layer : layers) {
    const double ms = 1e3 * seconds([&] { cold.precompile(layer.spec, {.target = target}); });
    if (ms > 1) all.push_back(ms);  // a layer that is there twice is found the second time
    rows.push_back({{"layer", layer.name()}, {"ms", ms}});
  }
  // In a fresh engine, which opens NVRTC again: plan, source, key, and the verified bytes.
  const Engine warm = engine();
  double first_ms = 0;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    const double ms = 1e3 * seconds([&] { warm.precompile(layers[k].spec, {.target = target}); });
    if (k == 0) {
      first_ms = ms;
    } else {
      cached.push_back(ms);
      rows[k]["cached_ms"] = ms;
    }
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a["ms"] > b["ms"]; });

  fmt::print("NVRTC for {}, {}: cold median {:.0f} ms over {} layers; the slowest:\n", target, found->description,
             median(all), all.size());
  for (std::size_t i = 0; i < 5; ++i)
    fmt::print("  {:6.0f} ms  {}\n", rows[i]["ms"].get<double>(), rows[i]["layer"].get<std::string>());
  const double slowest_cached = *std::ranges::max_element(cached);
  const int spilling = spilling_kernels(warm);
  fmt::print("  cached bytes ready in {:.2f} ms in the median, {:.2f} ms at most; {:.2f} ms the first time\n",
             median(cached), slowest_cached, first_ms);
  fmt::print("  {} kernels spill\n", spilling);
  return {{"target", target},
          {"compiler", found->description},
          {"median_ms", median(all)},
          {"max_ms", rows[0]["ms"]},
          {"cached_median_ms", median(cached)},
          {"cached_max_ms", slowest_cached},
          {"cached_first_ms", first_ms},
          {"spilling_kernels", spilling},
          {"layers", rows}};
}

}  // namespace unstride::bench
