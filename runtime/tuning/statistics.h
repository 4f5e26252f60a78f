// A median and how sure it is, and when two contenders are the same.
#pragma once

#include <vector>

namespace unstride::tuning {

/// Of at least one value.
double median(std::vector<double> values);

/// A median with the bounds of its 95 % confidence interval.
struct Interval {
  double median = 0, low = 0, high = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

/// By order statistics, which assumes nothing of how times are distributed: the k-th smallest and the k-th largest
/// sample, k the largest for which the binomial distribution allows it (David and Nagaraja, Order Statistics, 7.1).
/// Fewer than six samples cannot give 95 %: then the smallest and the largest. At least one sample.
Interval median_interval(std::vector<double> samples);

/// Two contenders that were measured in the same rounds: the time of one over the other's, round by round, which tells
/// them apart sooner than the times of each would, as what befell a round befell both.
struct Comparison {
  Interval ratio;

  /// Within 1 %: the difference is worth nothing.
  bool is_equal() const;
  /// Equal, or the interval has 1 in it: nobody can tell which is faster.
  bool is_tie() const;
};
Comparison compare(const std::vector<double>& a, const std::vector<double>& b);

/// Takes out what all contenders of a round had in common, a machine that was slower for a while: scales each round to
/// the same median over the contenders. times[contender][round]; all contenders have the same rounds.
std::vector<std::vector<double>> without_drift(std::vector<std::vector<double>> times);

}  // namespace unstride::tuning
