#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "measurements.h"
#include "process_start.h"
#include "statistics.h"
#include "temporary_folder.h"
#include "tools/support/corpus.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

namespace {

// The corpus in processes that have just begun, cold and from a bundle alone: five of each, in turns. The medians.
nlohmann::json from_a_bundle(const std::filesystem::path& corpus, const std::vector<tools::CorpusLayer>& layers,
                             const std::filesystem::path& folder) {
  const std::string path = folder / "corpus.bundle";
  BundleBuilder builder;
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  for (const tools::CorpusLayer& layer : layers) engine.precompile(layer.spec, {}, &builder);
  builder.write(path);

  std::vector<double> cold_ready, cold_process, ready, process;
  std::int64_t compilations = 0;
  for (int round = 0; round < 5; ++round) {
    const nlohmann::json cold = start_in_new_process(corpus, "", folder);
    const nlohmann::json warm = start_in_new_process(corpus, path, folder);
    if (cold["digest"] != warm["digest"])
      throw Error(fmt::format("warm start: the outputs of kernels from {} differ from those compiled now", path));
    cold_ready.push_back(cold["ready_s"]);
    cold_process.push_back(cold["process_s"]);
    ready.push_back(warm["ready_s"]);
    process.push_back(warm["process_s"]);
    compilations += warm["compilations"].get<std::int64_t>();
  }

  fmt::print(
      "  from a bundle of {} KiB, mode require, a fresh process: {} compilations, outputs bit for bit the same\n",
      std::filesystem::file_size(path) / 1024, compilations);
  fmt::print("    all layers ready {:.0f} ms (cold {:.0f} ms, {:.0f} times less)\n", 1e3 * median(ready),
             1e3 * median(cold_ready), median(cold_ready) / median(ready));
  fmt::print("    the whole process, each layer packed and run {:.2f} s (cold {:.2f} s, {:.1f} times less)\n",
             median(process), median(cold_process), median(cold_process) / median(process));
  return {{"compilations", compilations},
          {"ready_s", median(ready)},
          {"cold_ready_s", median(cold_ready)},
          {"process_s", median(process)},
          {"cold_process_s", median(cold_process)}};
}

}  // namespace

nlohmann::json warm_start(const std::filesystem::path& corpus) {
  const TemporaryFolder folder;
  const std::vector<tools::CorpusLayer> layers = tools::read_corpus(corpus);
  const auto fresh_engine = [&](CacheMode mode) {
    return Engine(
        {.threads = 1, .cache = {.mode = mode, .directory = folder.string(), .bundles = std::vector<std::string>{}}});
  };

  const double cold_s = seconds([&] {
    const Engine engine = fresh_engine(CacheMode::read_write);
    for (const tools::CorpusLayer& layer : layers) engine.compile(layer.spec);
  });

  // Once in one engine, as a process would load a model; and each layer in an engine of its own, linker start included.
  const Engine warm = fresh_engine(CacheMode::require);
  const double warm_s = seconds([&] {
    for (const tools::CorpusLayer& layer : layers) warm.compile(layer.spec);
  });
  std::vector<double> load_ms, first_load_ms, again_us;
  for (const tools::CorpusLayer& layer : layers) {
    load_ms.push_back(warm.compile(layer.spec).info().load_ms);
    first_load_ms.push_back(fresh_engine(CacheMode::require).compile(layer.spec).info().load_ms);
    again_us.push_back(1e6 * seconds([&] { warm.compile(layer.spec); }));
  }

  const auto worst = [](const std::vector<double>& values) { return *std::ranges::max_element(values); };
  fmt::print("the corpus, {} layers: cold {:.0f} ms, from the cache {:.0f} ms, {:.0f} times less\n", layers.size(),
             1e3 * cold_s, 1e3 * warm_s, cold_s / warm_s);
  fmt::print("  load (find, verify, link): median {:.2f} ms, worst {:.2f} ms; in a fresh engine {:.2f} ms, {:.2f} ms\n",
             median(load_ms), worst(load_ms), median(first_load_ms), worst(first_load_ms));
  fmt::print("  compile() again in one engine: median {:.2f} us, worst {:.2f} us; {} compilations in all warm runs\n",
             median(again_us), worst(again_us), warm.statistics().compilations);
  return {{"cold_s", cold_s},
          {"warm_s", warm_s},
          {"load_ms", {{"median", median(load_ms)}, {"max", worst(load_ms)}}},
          {"first_load_ms", {{"median", median(first_load_ms)}, {"max", worst(first_load_ms)}}},
          {"again_us", {{"median", median(again_us)}, {"max", worst(again_us)}}},
          {"warm_compilations", warm.statistics().compilations},
          {"bundle", from_a_bundle(corpus, layers, folder.string())}};
}

}  // namespace unstride::bench
