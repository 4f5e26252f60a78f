#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/case.h"
#include "bench/interleaved.h"
#include "bench/measurements.h"
#include "bench/peer_report.h"
#include "bench/peers/contender.h"
#include "bench/statistics.h"

namespace unstride::bench {

nlohmann::json fork_join(int rounds) {
  LayerSpec thin;
  thin.in_channels = 64, thin.out_channels = 32, thin.kernel_size = 4, thin.stride = 2, thin.padding = 1;
  LayerSpec depthwise;
  depthwise.in_channels = depthwise.out_channels = depthwise.groups = 512;
  depthwise.kernel_size = 3, depthwise.stride = 2, depthwise.padding = 1;
  LayerSpec deep;
  deep.in_channels = 512, deep.out_channels = 256, deep.kernel_size = 16, deep.stride = 8, deep.padding = 4;
  const std::vector<std::pair<LayerSpec, std::vector<std::int64_t>>> series = {
      {thin, {8, 32, 128, 512, 2048, 8192}}, {depthwise, {8, 32, 128, 512, 2048}}, {deep, {1, 8, 32, 128}}};

  const Engine engine({.threads = 2, .cache = {.mode = CacheMode::off}});
  auto rows = nlohmann::json::array();
  fmt::print("one call on two threads, and what it takes above half of one thread's time (medians of {} rounds)\n",
             rounds);
  for (const auto& [spec, lengths] : series) {
    for (const std::int64_t length : lengths) {
      const Case layer(spec, 1, length);
      std::vector<float> y(static_cast<std::size_t>(layer.output_count()));
      const auto one = make_unstride(engine, layer, 1), two = make_unstride(engine, layer, 2);
      const CallTimer on_one([&] { one->run(layer.x.data(), y.data()); });
      const CallTimer on_two([&] { two->run(layer.x.data(), y.data()); });
      const auto samples = interleave({[&] { return on_one.sample(); }, [&] { return on_two.sample(); }}, rounds);
      const double one_us = 1e6 * median(samples[0]), two_us = 1e6 * median(samples[1]);
      fmt::print("  {:9.2f} us on one, {:9.2f} us on two, {:7.2f} us above the half  L {:<5} {}\n", one_us, two_us,
                 two_us - one_us / 2, length, shape_text(spec));
      rows.push_back({{"shape", shape_text(spec)},
                      {"length", length},
                      {"one_us", one_us},
                      {"two_us", two_us},
                      {"above_half_us", two_us - one_us / 2}});
    }
  }
  return rows;
}

}  // namespace unstride::bench
