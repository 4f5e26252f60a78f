#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bench/case.h"
#include "bench/interleaved.h"
#include "bench/measurements.h"
#include "bench/peer_report.h"
#include "bench/peers/contender.h"
#include "bench/probes/copy_bandwidth.h"
#include "bench/probes/fma_peak.h"
#include "bench/statistics.h"
#include "tools/support/corpus.h"

namespace unstride::bench {

namespace {

struct Small {
  std::string name;
  LayerSpec spec;
  std::int64_t length = 0;
};

// A layer with one multiply-add, and the corpus's smallest cases by the numbers they move.
std::vector<Small> smallest(const std::filesystem::path& corpus) {
  std::vector<Small> cases;
  for (const tools::CorpusLayer& layer : tools::read_corpus(corpus))
    for (const std::int64_t length : layer.lengths) cases.push_back({layer.name(), layer.spec, length});
  std::ranges::sort(cases, {}, [](const Small& item) {
    const LayerSpec& spec = item.spec;
    return spec.in_channels * item.length + spec.out_channels * output_length(spec, item.length) + spec.weight_count();
  });
  cases.resize(std::min<std::size_t>(cases.size(), 5));
  LayerSpec one;
  one.in_channels = one.out_channels = one.kernel_size = 1;
  cases.insert(cases.begin(), Small{"one multiply-add", one, 1});
  return cases;
}

}  // namespace

nlohmann::json call_overhead(const std::filesystem::path& corpus, int rounds) {
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  auto rows = nlohmann::json::array();
  fmt::print("time of a call, one thread, beside the time of its work at the roofline (medians of {} rounds)\n",
             rounds);
  for (const Small& item : smallest(corpus)) {
    const Case layer(item.spec, 1, item.length);
    const auto contender = make_unstride(engine, layer, 1);
    std::vector<float> y(static_cast<std::size_t>(layer.output_count()));
    const CallTimer timer([&] { contender->run(layer.x.data(), y.data()); });
    const CopyBandwidth copy(layer.bytes(), 1);
    const auto samples = interleave(
        {[&] { return timer.sample(); }, [] { return fma_peak_gflops(1); }, [&] { return copy.measure(); }}, rounds);
    const double call_us = 1e6 * median(samples[0]);
    const double work_us = 1e-3 * std::max(layer.operations() / median(samples[1]), layer.bytes() / median(samples[2]));
    fmt::print("  {:7.2f} us, work {:6.2f} us, overhead {:6.2f} us  L {:<5} {:24} {}\n", call_us, work_us,
               call_us - work_us, item.length, shape_text(item.spec), item.name);
    rows.push_back({{"layer", item.name},
                    {"shape", shape_text(item.spec)},
                    {"length", item.length},
                    {"call_us", call_us},
                    {"work_us", work_us},
                    {"overhead_us", call_us - work_us}});
  }
  return rows;
}

}  // namespace unstride::bench
