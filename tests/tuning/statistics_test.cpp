#include "runtime/tuning/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

namespace unstride::tuning {
namespace {

TEST(MedianInterval, HasTheRanksOfTheTables) {  // David and Nagaraja, Order Statistics; n = 21: 6th and 16th
  std::vector<double> samples;
  for (int i = 1; i <= 21; ++i) samples.push_back(i);
  EXPECT_EQ(median_interval(samples), (Interval{11, 6, 16}));
  samples.resize(6);
  EXPECT_EQ(median_interval(samples), (Interval{3.5, 1, 6}));
  samples.resize(9);
  std::iota(samples.begin(), samples.end(), 1);
  EXPECT_EQ(median_interval(samples), (Interval{5, 2, 8}));
}

TEST(MedianInterval, HasTheRanksOfManySamplesToo) {  // by exact sums of binomial coefficients
  std::vector<double> samples(5000);
  std::iota(samples.begin(), samples.end(), 1);
  EXPECT_EQ(median_interval(samples), (Interval{2500.5, 2431, 2570}));
}

TEST(MedianInterval, OfFewSamplesIsTheirRange) {
  EXPECT_EQ(median_interval({3}), (Interval{3, 3, 3}));
  EXPECT_EQ(median_interval({5, 1, 2}), (Interval{2, 1, 5}));
}

TEST(MedianInterval, HoldsTheTrueMedianInNineteenOfTwentyCases) {
  std::mt19937_64 random(3);
  std::lognormal_distribution<double> times(0, 0.3);  // the median is 1
  int held = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> samples(21);
    for (double& s : samples) s = times(random);
    const Interval interval = median_interval(samples);
    held += interval.low <= 1 && 1 <= interval.high ? 1 : 0;
  }
  EXPECT_GE(held, 1900);
  EXPECT_LE(held, 1970);  // 97.3 % is what the ranks 6 and 16 of 21 give
}

TEST(Ties, AreWithinOnePercentOrNotToBeToldApart) {
  EXPECT_TRUE((Comparison{{1.01, 1.0095, 1.0105}}).is_tie());
  EXPECT_TRUE((Comparison{{0.991, 0.990, 0.992}}).is_tie());
  EXPECT_FALSE((Comparison{{1.015, 1.0145, 1.0155}}).is_tie());
  EXPECT_FALSE((Comparison{{0.985, 0.984, 0.986}}).is_tie());
  EXPECT_TRUE((Comparison{{1.10, 0.99, 1.15}}).is_tie());
  EXPECT_FALSE((Comparison{{1.10, 0.99, 1.15}}).is_equal());
}

TEST(Ties, RoundsAreComparedEachWithItself) {
  // Twice as slow in some rounds as in others, but one always 5 % slower.
  const std::vector<double> a = {1, 2, 1.5, 1, 2, 1.2, 1.7}, b = {1.05, 2.1, 1.575, 1.05, 2.1, 1.26, 1.785};
  EXPECT_NEAR(compare(b, a).ratio.median, 1.05, 1e-12);
  EXPECT_FALSE(compare(b, a).is_tie());
  EXPECT_TRUE(compare(a, a).is_equal());
}

TEST(WithoutDrift, WhatAllHadInCommonIsGone) {
  const auto times = without_drift({{1, 2, 1.5}, {1.2, 2.4, 1.8}, {0.5, 1.0, 0.75}});
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t round = 1; round < 3; ++round) EXPECT_NEAR(times[i][round], times[i][0], 1e-12);
  EXPECT_NEAR(times[1][0] / times[0][0], 1.2, 1e-12);
}

}  // namespace
}  // namespace unstride::tuning
