#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/probes/fma_peak.h"
#include "measurements.h"
#include "statistics.h"
#include "workload.h"

namespace unstride::bench {

nlohmann::json peak_share(int rounds) {
  struct Layer {
    const char* name;
    LayerSpec spec;
    std::int64_t length;
  };
  const std::vector<Layer> layers = {
      {"HiFi-GAN V1 ups.0",
       {.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4},
       860},
      {"HiFi-GAN V1 ups.3",
       {.in_channels = 64, .out_channels = 32, .kernel_size = 4, .stride = 2, .padding = 1},
       16384},
  };
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  std::vector<Workload> workloads;
  for (const Layer& layer : layers) workloads.emplace_back(engine, layer.spec, layer.length);

  std::vector<double> peaks;
  std::vector<std::vector<double>> times(layers.size());
  for (int round = 0; round < rounds; ++round) {
    peaks.push_back(fma_peak_gflops());
    for (std::size_t i = 0; i < layers.size(); ++i) times[i].push_back(seconds([&] { workloads[i].run(1); }));
  }

  const double peak = median(peaks);
  auto rows = nlohmann::json::array();
  fmt::print("one thread, fp32 FMA peak {:.1f} GFLOP/s (medians of {} interleaved rounds)\n", peak, rounds);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double gflops = workloads[i].operations() / median(times[i]) * 1e-9;
    fmt::print("  {}  L {:6}  {:8.3f} ms  {:6.1f} GFLOP/s  {:4.1f} % of the peak  {}\n", layers[i].name,
               layers[i].length, 1e3 * median(times[i]), gflops, 100 * gflops / peak, workloads[i].kernel.info().plan);
    rows.push_back({{"layer", layers[i].name},
                    {"length", layers[i].length},
                    {"median_ms", 1e3 * median(times[i])},
                    {"gflops", gflops},
                    {"share", gflops / peak},
                    {"plan", workloads[i].kernel.info().plan}});
  }
  return {{"peak_gflops", peak}, {"layers", rows}};
}

}  // namespace unstride::bench
