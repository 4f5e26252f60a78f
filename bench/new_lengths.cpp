#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "measurements.h"
#include "statistics.h"
#include "workload.h"

namespace unstride::bench {

nlohmann::json new_lengths(int rounds) {
  const LayerSpec spec{.in_channels = 256, .out_channels = 128, .kernel_size = 16, .stride = 8, .padding = 4};
  const std::vector<std::int64_t> lengths = {100, 101, 128, 200, 333, 512, 777, 1000, 1024, 1023};
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  // One kernel, and buffers for the longest: a shorter run uses their beginnings.
  Workload workload(engine, spec, 1024);

  auto rows = nlohmann::json::array();
  fmt::print("ten lengths on one kernel (compiled once, in {:.1f} ms): the first call at a length, and later ones\n",
             workload.kernel.info().compile_ms);
  for (const std::int64_t length : lengths) {
    const auto run = [&] { workload.kernel.run(workload.x, workload.weights, workload.y, {.length = length}); };
    const double first = seconds(run);
    std::vector<double> later;
    for (int round = 0; round < rounds; ++round) later.push_back(seconds(run));
    const double per_column = median(later) / static_cast<double>(length);
    fmt::print("  L {:5}  first {:7.3f} ms  later {:7.3f} ms  {:6.2f} us per input position\n", length, 1e3 * first,
               1e3 * median(later), 1e6 * per_column);
    rows.push_back({{"length", length}, {"first_ms", 1e3 * first}, {"later_ms", 1e3 * median(later)}});
  }
  return {{"compile_ms", workload.kernel.info().compile_ms}, {"lengths", rows}};
}

}  // namespace unstride::bench
