// What the probes of the machine's ceilings share: threads that start at the same moment, and windows of time.
#pragma once

#include <algorithm>
#include <barrier>
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

/// Calls rate(i) on `threads` threads at once, i counted from 0 on the calling thread; returns the sum of the rates.
template <typename Rate>
double sum_of_rates(int threads, const Rate& rate) {
  std::vector<double> rates(static_cast<std::size_t>(threads));
  std::barrier start(threads);
  const auto measure = [&](int thread) {
    start.arrive_and_wait();
    rates[static_cast<std::size_t>(thread)] = rate(thread);
  };
  {
    std::vector<std::jthread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(measure, thread);
    measure(0);
  }
  double sum = 0;
  for (const double value : rates) sum += value;
  return sum;
}

}  // namespace unstride::bench
