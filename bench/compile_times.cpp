#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "measurements.h"
#include "statistics.h"
#include "tools/support/corpus.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

namespace {

// What a planner or a code generator that unrolls too much would choke on.
std::vector<tools::CorpusLayer> extreme_layers() {
  const auto layer = [](std::string name, LayerSpec spec) {
    tools::CorpusLayer result;
    result.model = "extreme";
    result.layer = std::move(name);
    result.spec = spec;
    return result;
  };
  return {
      layer("1000 -> 1 k10000 s1000", {.in_channels = 1000, .out_channels = 1, .kernel_size = 10000, .stride = 1000}),
      layer("1 -> 1 k65536 s1", {.in_channels = 1, .out_channels = 1, .kernel_size = 65536}),
      layer("64 -> 64 k31 s7 d5",
            {.in_channels = 64, .out_channels = 64, .kernel_size = 31, .stride = 7, .dilation = 5}),
  };
}

}  // namespace

nlohmann::json compile_times(const std::filesystem::path& corpus) {
  std::vector<tools::CorpusLayer> layers = tools::read_corpus(corpus);
  for (tools::CorpusLayer& layer : extreme_layers()) layers.push_back(std::move(layer));

  auto rows = nlohmann::json::array();
  std::vector<double> all;
  // A fresh engine for each layer: nothing but the process is warm.
  for (const tools::CorpusLayer& layer : layers) {
    double callable_ms = 0, load_ms = 0;
    callable_ms = 1e3 * seconds([&] {
                    const std::string spec = to_json(layer.spec);
                    const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
                    load_ms = engine.compile(parse_spec(spec)).info().load_ms;
                  });
    all.push_back(callable_ms);
    rows.push_back({{"layer", layer.name()}, {"ms", callable_ms}, {"load_ms", load_ms}});
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a["ms"] > b["ms"]; });

  fmt::print("cold compile, spec to callable: median {:.1f} ms over {} layers; the slowest:\n", median(all),
             all.size());
  for (std::size_t i = 0; i < 5; ++i)
    fmt::print("  {:6.1f} ms  {}\n", rows[i]["ms"].get<double>(), rows[i]["layer"].get<std::string>());
  return {{"median_ms", median(all)}, {"max_ms", rows[0]["ms"]}, {"layers", rows}};
}

}  // namespace unstride::bench
