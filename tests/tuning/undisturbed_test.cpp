#include "support/undisturbed.h"

#include <gtest/gtest.h>

#include <vector>

namespace unstride {
namespace {

using Seconds = Undisturbed::Seconds;

constexpr Seconds long_patience(60), none(0);

// Processors whose rates are known beforehand, one for each look; samples count up from 1.
struct Machine {
  explicit Machine(std::vector<double> looks) : rates(std::move(looks)) {}

  double sample(Seconds patience) {
    return undisturbed.sample([this] { return static_cast<double>(++taken); }, patience);
  }

  std::vector<double> rates;
  std::size_t look = 0;
  int taken = 0;
  Undisturbed undisturbed{[this] { return rates.at(look++); }};
};

TEST(Undisturbed, TakesASampleOnceWhereNothingDisturbs) {
  Machine machine({4, 4});
  EXPECT_EQ(machine.sample(long_patience), 1);
  EXPECT_EQ(machine.taken, 1);
  EXPECT_EQ(machine.look, 2u);
  EXPECT_EQ(machine.undisturbed.disturbed(), 0);
  EXPECT_EQ(machine.undisturbed.lost(), none);
  EXPECT_GT(machine.undisturbed.kept(), none);
}

TEST(Undisturbed, TakesAgainWhatWasDisturbedMeanwhile) {
  Machine machine({4, 2, 4, 2, 4, 4});
  EXPECT_EQ(machine.sample(long_patience), 3);
  EXPECT_EQ(machine.look, 6u);
  EXPECT_EQ(machine.undisturbed.disturbed(), 0);
  EXPECT_GT(machine.undisturbed.lost(), none);
}

TEST(Undisturbed, WaitsUntilItIsQuiet) {
  Machine machine({4, 4, 2, 2, 2, 4, 4});
  EXPECT_EQ(machine.sample(long_patience), 1);
  EXPECT_EQ(machine.sample(long_patience), 2);
  EXPECT_EQ(machine.taken, 2);
  EXPECT_EQ(machine.look, 7u);
}

TEST(Undisturbed, LearnsHowFastTheProcessorsAreAsItGoes) {
  Machine machine({2, 2, 2, 4, 4, 4});  // disturbed from the start
  EXPECT_EQ(machine.sample(long_patience), 1);
  EXPECT_EQ(machine.sample(long_patience), 2);
  EXPECT_EQ(machine.sample(long_patience), 3);
  EXPECT_EQ(machine.undisturbed.disturbed(), 0);
}

TEST(Undisturbed, ASlowerClockIsNoTenant) {
  Machine machine({4, 3.1, 3.1, 3.1});
  EXPECT_EQ(machine.sample(long_patience), 1);
  EXPECT_EQ(machine.sample(long_patience), 2);
}

TEST(Undisturbed, TakesWhatItGetsWithoutPatienceAndCountsIt) {
  Machine machine({4, 2, 2, 4, 4});
  EXPECT_EQ(machine.sample(none), 1);
  EXPECT_EQ(machine.sample(none), 2);
  EXPECT_EQ(machine.look, 3u);
  EXPECT_EQ(machine.undisturbed.disturbed(), 2);
  EXPECT_EQ(machine.sample(none), 3);
  EXPECT_EQ(machine.undisturbed.disturbed(), 2);
  EXPECT_EQ(machine.undisturbed.lost(), none);
}

TEST(Undisturbed, EndsWhenItsPatienceDoes) {
  double rate = 4;
  Undisturbed undisturbed([&] { return rate; });
  undisturbed.sample([] { return 0.0; }, none);
  rate = 2;
  int taken = 0;
  EXPECT_EQ(undisturbed.sample([&] { return static_cast<double>(++taken); }, Seconds(20e-3)), 1);
  EXPECT_EQ(undisturbed.disturbed(), 1);
  EXPECT_GE(undisturbed.lost(), Seconds(20e-3));
}

TEST(Undisturbed, WaitsLessAndLessWhileItIsInVain) {
  double rate = 4;
  int looks = 0;
  Undisturbed undisturbed([&] { return ++looks, rate; });
  const auto sample = [&](Seconds patience) {
    const Seconds before = undisturbed.lost();
    looks = 0;
    undisturbed.sample([] { return 0.0; }, patience);
    return undisturbed.lost() - before;
  };
  sample(none);
  rate = 2;
  constexpr Seconds patience(20e-3);
  EXPECT_GE(sample(patience), patience);
  for (int i = 0; i < 10; ++i) sample(patience);
  EXPECT_EQ(looks, 2);  // with one pause between
  rate = 4;
  sample(patience);
  rate = 2;
  EXPECT_GE(sample(patience), patience);
}

TEST(Undisturbed, AdditionsHaveARate) {
  EXPECT_GT(addition_rate(), 0);
}

}  // namespace
}  // namespace unstride
