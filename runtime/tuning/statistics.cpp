#include "runtime/tuning/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace unstride::tuning {

namespace {

constexpr double tie_share = 0.01;

// The largest k with P(fewer than k of n samples lie below the median) <= 2.5 %; 0 where there is none. By logarithms:
// 0.5 to the power of a thousand is no double.
std::size_t rank_of_bound(std::size_t n) {
  double log_probability = static_cast<double>(n) * std::log(0.5), sum = 0;
  for (std::size_t k = 0; k < n; ++k) {
    sum += std::exp(log_probability);
    if (sum > 0.025) return k;
    log_probability += std::log(static_cast<double>(n - k) / static_cast<double>(k + 1));
  }
  return 0;
}

}  // namespace

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : std::midpoint(values[n / 2 - 1], values[n / 2]);
}

Interval median_interval(std::vector<double> samples) {
  std::ranges::sort(samples);
  const std::size_t k = std::max<std::size_t>(rank_of_bound(samples.size()), 1);
  return {median(samples), samples[k - 1], samples[samples.size() - k]};
}

bool Comparison::is_equal() const {
  return ratio.median <= 1 + tie_share && ratio.median * (1 + tie_share) >= 1;
}

bool Comparison::is_tie() const {
  return is_equal() || (ratio.low <= 1 && ratio.high >= 1);
}

Comparison compare(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < a.size(); ++round) ratios.push_back(a[round] / b[round]);
  return {median_interval(std::move(ratios))};
}

std::vector<std::vector<double>> without_drift(std::vector<std::vector<double>> times) {
  if (times.empty() || times.front().empty()) return times;
  std::vector<double> rounds;
  for (std::size_t round = 0; round < times.front().size(); ++round) {
    std::vector<double> column;
    for (const auto& contender : times) column.push_back(contender[round]);
    rounds.push_back(median(std::move(column)));
  }
  const double all = median(rounds);
  for (auto& contender : times)
    for (std::size_t round = 0; round < contender.size(); ++round)
      if (rounds[round] > 0) contender[round] *= all / rounds[round];
  return times;
}

}  // namespace unstride::tuning
