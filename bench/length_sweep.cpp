#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "bench/interleaved.h"
#include "bench/measurements.h"
#include "bench/peer_report.h"
#include "bench/statistics.h"
#include "bench/workload.h"

namespace unstride::bench {

nlohmann::json length_sweep(int rounds) {
  struct Sweep {
    const char* name;
    LayerSpec spec;
    std::int64_t shortest;
  };
  constexpr int count = 200;
  const std::vector<Sweep> sweeps = {
      {"HiFi-GAN V1 ups.0",
       {.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4},
       50},
      {"HiFi-GAN V1 ups.3", {.in_channels = 64, .out_channels = 32, .kernel_size = 4, .stride = 2, .padding = 1}, 900},
      {"CosyVoice2 HiFT ups.1",
       {.in_channels = 256, .out_channels = 128, .kernel_size = 11, .stride = 5, .padding = 3},
       100},
      {"HTDemucs v4 tdecoder.3", {.in_channels = 48, .out_channels = 8, .kernel_size = 8, .stride = 4}, 900},
      {"BigVGAN upsample, depthwise",
       {.in_channels = 192, .out_channels = 192, .kernel_size = 12, .stride = 2, .groups = 192, .bias = false},
       900},
      {"inverse STFT", {.in_channels = 1026, .out_channels = 1, .kernel_size = 1024, .stride = 256, .bias = false}, 50},
  };
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  auto rows = nlohmann::json::array();
  fmt::print(
      "{} lengths in random order against as many calls at the middle one, one thread, time per input position\n",
      count);
  for (const Sweep& sweep : sweeps) {
    std::vector<std::int64_t> lengths(count);
    std::iota(lengths.begin(), lengths.end(), sweep.shortest);
    const std::int64_t total = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
    const std::int64_t middle = sweep.shortest + count / 2;
    std::shuffle(lengths.begin(), lengths.end(), std::minstd_rand(1));
    Workload workload(engine, sweep.spec, sweep.shortest + count);
    const auto run = [&](std::int64_t length) {
      workload.kernel.run(workload.x, workload.weights, workload.y, {.length = length, .threads = 1});
    };
    run(middle);
    const auto samples = interleave({[&] {
                                       return seconds([&] {
                                         for (const std::int64_t length : lengths) run(length);
                                       });
                                     },
                                     [&] {
                                       return seconds([&] {
                                         for (int i = 0; i < count; ++i) run(middle);
                                       });
                                     }},
                                    rounds);
    const double swept = median(samples[0]) / static_cast<double>(total);
    const double fixed = median(samples[1]) / static_cast<double>(count * middle);
    fmt::print("  {:8.3f} us swept, {:8.3f} us fixed, {:5.3f} times  L {} to {}  {:24} {}\n", 1e6 * swept, 1e6 * fixed,
               swept / fixed, sweep.shortest, sweep.shortest + count - 1, shape_text(sweep.spec), sweep.name);
    rows.push_back({{"layer", sweep.name},
                    {"shape", shape_text(sweep.spec)},
                    {"shortest", sweep.shortest},
                    {"lengths", count},
                    {"swept_us", 1e6 * swept},
                    {"fixed_us", 1e6 * fixed},
                    {"ratio", swept / fixed}});
  }
  return rows;
}

}  // namespace unstride::bench
