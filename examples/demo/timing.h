// The median time of a repeated call.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace demo {

/// Seconds of one call: the median of as many as fit into half a second, at least 3 and at most 200. One call before
/// them warms up caches and is not counted.
template <typename Call>
double median_seconds(const Call& call) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](Clock::duration duration) { return std::chrono::duration<double>(duration).count(); };
  constexpr double budget = 0.5;
  constexpr std::size_t fewest = 3, most = 200;

  call();
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  while (times.size() < fewest || (times.size() < most && seconds(Clock::now() - begin) < budget)) {
    const Clock::time_point start = Clock::now();
    call();
    times.push_back(seconds(Clock::now() - start));
  }
  const auto middle = times.begin() + std::ssize(times) / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace demo
