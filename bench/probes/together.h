// What the probes of the machine's ceilings share: threads that start at the same moment, and windows of time.
#pragma once

#include <algorithm>
#include <barrier>
#include <numeric>
#include <thread>
#include <vector>

#include "bench/statistics.h"

namespace unstride::bench {

/// Seconds of a call, the best of four in a row: a ceiling is not lower because something else ran for a moment.
template <typename Call>
double best_seconds(const Call& call) {
  double best = seconds(call);
  for (int i = 1; i < 4; ++i) best = std::min(best, seconds(call));
  return best;
}

/// What rate(i) returns on `threads` threads at once, i counted from 0 on the calling thread.
template <typename Rate>
std::vector<double> rates(int threads, const Rate& rate) {
  std::vector<double> result(static_cast<std::size_t>(threads));
  std::barrier start(threads);
  const auto measure = [&](int thread) {
    start.arrive_and_wait();
    result[static_cast<std::size_t>(thread)] = rate(thread);
  };
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(measure, thread);
  measure(0);
  others.clear();  // joins them
  return result;
}

template <typename Rate>
double sum_of_rates(int threads, const Rate& rate) {
  const std::vector<double> all = rates(threads, rate);
  return std::accumulate(all.begin(), all.end(), 0.0);
}

}  // namespace unstride::bench
