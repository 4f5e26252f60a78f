#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/interleaved.h"
#include "bench/measurements.h"
#include "bench/probes/bfloat16_peak.h"
#include "bench/probes/copy_bandwidth.h"
#include "bench/probes/fma_peak.h"
#include "bench/statistics.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

nlohmann::json machine(int rounds) {
  constexpr double kib = 1024, mib = 1024 * kib;
  std::vector<int> thread_counts = {1};
  if (const int all = Engine().threads(); all > 1) thread_counts.push_back(all);

  auto result = nlohmann::json::array();
  for (const int threads : thread_counts) {
    std::vector<std::function<double()>> participants = {[=] { return fma_peak_gflops(threads); }};
    const bool bfloat16 = !bfloat16_unit().empty();
    if (bfloat16) participants.emplace_back([=] { return bfloat16_peak_gflops(threads).value_or(0); });
    std::vector<double> sizes;
    for (int power = 15; power <= 29; power += 2) sizes.push_back(std::ldexp(1.0, power));
    for (const double size : sizes)
      participants.emplace_back([probe = CopyBandwidth(size * threads, threads)] { return probe.measure(); });
    const auto samples = interleave(participants, rounds);

    const double fma = median(samples[0]);
    fmt::print("{} thread{}: fp32 FMA peak {:.1f} GFLOP/s", threads, threads == 1 ? "" : "s", fma);
    nlohmann::json row = {
        {"threads", threads}, {"fma_gflops", fma}, {"bf16_unit", bfloat16_unit()}, {"bf16_gflops", nullptr}};
    if (bfloat16) {
      row["bf16_gflops"] = median(samples[1]);
      fmt::print(", bf16 peak ({}) {:.0f} GFLOP/s", bfloat16_unit(), median(samples[1]));
    }
    fmt::print("\n  copying, GB/s by working set:");
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const double bytes = sizes[i] * threads, gbps = median(samples[i + (bfloat16 ? 2 : 1)]);
      fmt::print(" {} {:.0f}",
                 bytes < mib ? fmt::format("{:.0f} KiB", bytes / kib) : fmt::format("{:.0f} MiB", bytes / mib), gbps);
      row["copy"].push_back({{"bytes", bytes}, {"gbps", gbps}});
    }
    fmt::print("\n");
    result.push_back(row);
  }
  return result;
}

}  // namespace unstride::bench
