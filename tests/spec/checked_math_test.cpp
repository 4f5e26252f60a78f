#include "support/checked_math.h"

#include <gtest/gtest.h>

#include <limits>

namespace unstride::support {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

TEST(CheckedMath, GivesTheResultUpToTheLimits) {
  EXPECT_EQ(checked_add(2, -5), -3);
  EXPECT_EQ(checked_add(largest - 1, 1), largest);
  EXPECT_EQ(checked_sub(2, 5), -3);
  EXPECT_EQ(checked_sub(smallest + 1, 1), smallest);
  EXPECT_EQ(checked_mul(-4, 5), -20);
  EXPECT_EQ(checked_mul(largest / 7, 7), largest);  // 7 divides 2^63 - 1
  EXPECT_EQ(checked_mul(smallest, 1), smallest);
}

TEST(CheckedMath, ReportsOverflowOnEitherSide) {
  EXPECT_EQ(checked_add(largest, 1), std::nullopt);
  EXPECT_EQ(checked_add(smallest, -1), std::nullopt);
  EXPECT_EQ(checked_sub(smallest, 1), std::nullopt);
  EXPECT_EQ(checked_sub(0, smallest), std::nullopt);
  EXPECT_EQ(checked_mul(largest / 7 + 1, 7), std::nullopt);
  EXPECT_EQ(checked_mul(smallest, -1), std::nullopt);
}

TEST(CheckedMath, DivisionRoundsTowardsItsSideForEitherSign) {
  for (std::int64_t b = 1; b <= 7; ++b) {
    for (std::int64_t a = -30; a <= 30; ++a) {
      SCOPED_TRACE(testing::Message() << a << " / " << b);
      const std::int64_t below = floor_div(a, b), above = ceil_div(a, b);
      EXPECT_TRUE(below * b <= a && a < (below + 1) * b);
      EXPECT_TRUE((above - 1) * b < a && a <= above * b);
      EXPECT_EQ(round_up(a, b), above * b);
    }
  }
}

TEST(CheckedMath, DivisionDoesNotOverflowAtTheLimits) {
  EXPECT_EQ(floor_div(smallest, 1), smallest);
  EXPECT_EQ(floor_div(smallest, largest), -2);
  EXPECT_EQ(ceil_div(largest, 2), largest / 2 + 1);
  EXPECT_EQ(ceil_div(largest, largest), 1);
}

TEST(CheckedMath, Int128DividesLikeTheNarrowTypes) {
  const int128 beyond = int128{largest} * 4;
  EXPECT_TRUE(ceil_div(beyond + 1, 4) == int128{largest} + 1);
  EXPECT_TRUE(floor_div(-beyond - 1, 4) == -int128{largest} - 1);
}

}  // namespace
}  // namespace unstride::support
