#include "runtime/tuning/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "simulated.h"

namespace unstride::tuning {
namespace {

// One search from beginning to end, and what it recorded.
struct Session {
  explicit Session(std::vector<SimulatedPlan> plans, Noise noise = {}) : subject(clock, std::move(plans), noise) {
    hooks.record = [this](const Sample& sample) { recorded.push_back(sample); };
  }
  SearchResult run(const History& history = {}) {
    const double start = clock.now();
    SearchResult result = search(subject, clock, options, history, hooks, stop.get_token());
    took = clock.now() - start;
    return result;
  }
  History history(const std::string& source = "file") const {
    History result;
    for (const Sample& sample : recorded) result.add(source, sample);
    return result;
  }

  SimulatedClock clock;
  SimulatedSubject subject;
  SearchOptions options{.seconds = 60};
  SearchHooks hooks;
  std::stop_source stop;
  std::vector<Sample> recorded;
  double took = 0;
};

void exactly(Session& session, int rounds) {
  session.options.last_rounds = session.options.most_rounds = rounds;
}

TEST(Search, FindsThePlanThatTheModelRanksSeventh) {
  Session session(forty_plans(), {.spread = 0.02, .drift = 0.2, .spikes = 0.02});
  const SearchResult result = session.run();
  EXPECT_EQ(result.plan, "b 7");
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.candidates, 40u);
  EXPECT_EQ(result.tried.front().plan, "b 7");
  EXPECT_LT(result.chosen.time.high, result.default_.time.low);
  EXPECT_EQ(result.chosen.rounds, result.default_.rounds);
}

TEST(Search, TheDefaultCompetesToTheEnd) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans[0].seconds = 5e-3;  // the slowest of all
  Session session(plans);
  const SearchResult result = session.run();
  EXPECT_EQ(result.default_.plan, "a 0");
  EXPECT_EQ(result.default_.rung, result.chosen.rung);
  EXPECT_NEAR(result.default_.time.median / result.chosen.time.median, 5 / 0.8, 1e-6);
}

TEST(Search, TheDefaultStaysWhereNothingIsFasterByMoreThanOnePercent) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans[7].seconds = 0.992e-3;
  Session session(plans);
  const SearchResult result = session.run();
  EXPECT_TRUE(result.complete);
  EXPECT_EQ(result.plan, "a 0");
}

TEST(Search, WrongAndIllegalPlansAreRejectedAndRecorded) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans[3] = {.plan = "b 3", .seconds = 1e-6, .predicted = 1.06, .wrong = "output 5 differs"};
  plans[4] = {.plan = "a 4", .seconds = 1e-6, .predicted = 1.08, .failure = "strip must be a multiple"};
  Session session(plans);
  const SearchResult result = session.run();
  EXPECT_EQ(result.plan, "b 7");
  const auto of = [&](const std::string& plan) { return *std::ranges::find(result.tried, plan, &Tried::plan); };
  EXPECT_EQ(of("b 3").outcome, Outcome::wrong);
  EXPECT_EQ(of("b 3").reason, "output 5 differs");
  EXPECT_EQ(of("a 4").outcome, Outcome::failed);
  EXPECT_EQ(of("a 4").reason, "strip must be a multiple");
  const auto recorded = [&](const std::string& plan) {
    return *std::ranges::find(session.recorded, plan, &Sample::plan);
  };
  EXPECT_EQ(recorded("b 3").outcome, Outcome::wrong);
  EXPECT_EQ(recorded("a 4").outcome, Outcome::failed);
  for (const Sample& sample : session.recorded) {
    EXPECT_TRUE(sample.seconds.empty() || (sample.plan != "b 3" && sample.plan != "a 4"));
  }
}

TEST(Search, AWrongDefaultIsAnError) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans[0].wrong = "output 0 differs";
  Session session(plans);
  EXPECT_THROW(session.run(), Error);
}

TEST(Search, KeepsToItsTime) {
  for (const double seconds : {0.2, 0.5, 1.0, 2.0, 5.0}) {
    Session session(forty_plans(), {.spread = 0.02});
    session.options.seconds = seconds;
    session.run();
    EXPECT_LE(session.took, 1.1 * seconds) << seconds;
  }
}

// The first, which tells what building costs, was quick.
TEST(Search, BuildingLeavesTimeToMeasure) {
  Session session(forty_plans());
  session.options.seconds = 2;
  session.subject.first_build_seconds = 0.01;
  session.subject.build_seconds = 0.2;
  const SearchResult result = session.run();
  EXPECT_GT(result.chosen.rounds, 0);
  EXPECT_LT(session.subject.built.size(), 10u);
  EXPECT_LE(session.took, 1.1 * session.options.seconds);
}

TEST(Search, ADefaultFarAheadOfAllOthersIsSettled) {
  std::vector<SimulatedPlan> plans = {{.plan = "a 0", .seconds = 1e-3, .predicted = 1}};
  for (int i = 1; i < 20; ++i) plans.push_back({.plan = "a " + std::to_string(i), .seconds = 2e-3, .predicted = 1.5});
  Session session(plans);
  const SearchResult result = session.run();
  EXPECT_EQ(result.plan, "a 0");
  EXPECT_TRUE(result.settled);
  EXPECT_EQ(result.chosen.rounds, session.options.last_rounds);
}

TEST(Search, LittleTimeMeansFewerPlansAndNotNoAnswer) {
  Session session(forty_plans());
  session.options.seconds = 1.3;
  const SearchResult result = session.run();
  EXPECT_TRUE(result.complete);
  EXPECT_LT(session.subject.built.size(), 20u);
  EXPECT_EQ(result.plan, "b 7");
}

TEST(Search, WithoutTimeTheDefaultStaysAndNothingIsComplete) {
  Session session(forty_plans());
  session.options.seconds = 0.001;
  const SearchResult result = session.run();
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.plan, "a 0");
}

TEST(Search, AStopKeepsEverythingMeasuredSoFar) {
  Session session(forty_plans());
  session.subject.before_sample = [&] {
    if (session.subject.samples == 150) session.stop.request_stop();
  };
  const SearchResult result = session.run();
  EXPECT_FALSE(result.complete);
  EXPECT_LE(session.subject.samples, 151);
  std::size_t kept = 0;
  for (const Sample& sample : session.recorded) kept += sample.seconds.size();
  EXPECT_GE(kept, 150u - 40 - 32);  // all but calibration, and the round that was cut
}

TEST(Search, ResumedEndsAsUninterrupted) {
  const Noise noise{.spread = 0.003, .drift = 0.1};  // little enough that no more rounds are needed by chance
  Session whole(forty_plans(), noise);
  const SearchResult expected = whole.run();
  for (const int stop_after : {30, 100, 300, 500, 700}) {
    Session first(forty_plans(), noise);
    first.subject.before_sample = [&] {
      if (first.subject.samples == stop_after) first.stop.request_stop();
    };
    first.run();
    Session second(forty_plans(), noise);
    const SearchResult result = second.run(first.history());
    EXPECT_TRUE(result.complete) << stop_after;
    EXPECT_EQ(result.plan, expected.plan) << stop_after;
    EXPECT_LE(first.took + second.took, 1.05 * whole.took + 40 * 2 * 0.023) << stop_after;  // and plans built again
    EXPECT_EQ(result.measured_rounds + result.reused_rounds, expected.measured_rounds) << stop_after;
  }
}

TEST(Search, MoreRoundsGoToTheLastPlansOfAnEarlierSearch) {
  const Noise noise{.spread = 0.01, .drift = 0.1};
  Session first(forty_plans(), noise);
  exactly(first, 21);
  const SearchResult before = first.run();
  EXPECT_EQ(before.chosen.rounds, 21);
  // Too little time for a search from the beginning does not leave plans out.
  Session second(forty_plans(), noise);
  exactly(second, 42);
  second.options.seconds = 0.5 * first.took;
  const SearchResult after = second.run(first.history());
  EXPECT_TRUE(after.complete);
  EXPECT_EQ(after.chosen.rounds, 42);
  EXPECT_EQ(after.measured_rounds, 21);
  const auto last_plans = [](const SearchResult& result) {
    std::set<std::string> plans;
    for (const Tried& tried : result.tried)
      if (tried.rung == result.chosen.rung) plans.insert(tried.plan);
    return plans;
  };
  EXPECT_EQ(last_plans(after), last_plans(before));
  // "b 7" is beyond the reach of all but the default, which always competes.
  std::set<std::string> measured;
  for (const Sample& sample : second.recorded) measured.insert(sample.plan);
  EXPECT_EQ(measured, (std::set<std::string>{"a 0", "b 7"}));
}

TEST(Search, WhatIsAllKnownIsNotMeasuredAgain) {
  Session whole(forty_plans());
  const SearchResult expected = whole.run();
  Session again(forty_plans());
  const SearchResult result = again.run(whole.history());
  EXPECT_EQ(result.measured_rounds, 0);
  EXPECT_EQ(again.subject.built, std::vector<std::string>{"a 0"});
  EXPECT_EQ(result.plan, expected.plan);
  EXPECT_EQ(result.chosen.time, expected.chosen.time);
}

TEST(Search, APlanKnownToBeWrongIsNotBuiltAgain) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans[7].wrong = "output 5 differs";
  Session session(plans);
  session.run();
  Session again(plans);
  const SearchResult result = again.run(session.history());
  EXPECT_EQ(std::ranges::count(again.subject.built, "b 7"), 0);
  EXPECT_EQ(std::ranges::find(result.tried, "b 7", &Tried::plan)->outcome, Outcome::wrong);
}

TEST(Search, TimesOfDifferentSourcesAreNotMixedWithinARound) {
  History history;
  history.add("one", {.plan = "a", .seconds = {1, 1}});
  history.add("two", {.plan = "b", .seconds = {2, 2}});
  EXPECT_TRUE(history.rounds(0, {"a", "b"}).front().empty());
  history.add("one", {.plan = "b", .first_round = 1, .seconds = {3}});
  EXPECT_EQ(history.rounds(0, {"a", "b"}), (std::vector<std::vector<double>>{{1}, {3}}));
}

// Plans that nobody can tell apart: whichever of the equals seems the fastest by luck, the first of them is taken.
TEST(Search, TiesGoToTheFixedOrderWhateverTheNoise) {
  std::vector<SimulatedPlan> plans = {{.plan = "a 0", .seconds = 1.3e-3, .predicted = 1.0},
                                      {.plan = "a 1", .seconds = 1.2e-3, .predicted = 1.1},
                                      {.plan = "a 2", .seconds = 1.0e-3, .predicted = 1.2},
                                      {.plan = "a 3", .seconds = 1.0e-3, .predicted = 1.3},
                                      {.plan = "a 4", .seconds = 1.003e-3, .predicted = 1.4}};
  for (int i = 5; i < 20; ++i)
    plans.push_back({.plan = "a " + std::to_string(i), .seconds = 1.1e-3 + 1e-5 * i, .predicted = 1.5});
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Session session(plans, {.spread = 0.01, .drift = 0.2, .spikes = 0.03, .seed = seed});
    exactly(session, 63);  // what scripts/autotune comes to
    EXPECT_EQ(session.run().plan, "a 2") << seed;
  }
}

// Few rounds cannot tell a plan from the next, and the model ranks the fastest last.
TEST(Search, TheFastestIsNotLostAmongItsEquals) {
  std::vector<SimulatedPlan> plans;
  for (int i = 0; i < 32; ++i)
    plans.push_back(
        {.plan = "a " + std::to_string(i), .seconds = 1e-3 * (1.031 - 0.001 * i), .predicted = 1 + 0.01 * i});
  Session session(plans, {.spread = 0.003});
  EXPECT_LE(session.run().chosen.time.median, 1.012e-3);
}

// Two of its first three rounds are, of one in six plans.
TEST(Search, TheFastestIsNotLostToDisturbedRounds) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Session session(forty_plans(), {.spread = 0.005, .spikes = 0.25, .seed = seed});
    found += session.run().plan == "b 7";
  }
  EXPECT_GE(found, 95);
}

TEST(Search, WhatIsSlowBeyondDoubtGetsNoFurtherRung) {
  std::vector<SimulatedPlan> plans = {{.plan = "a 0", .seconds = 1e-3, .predicted = 1}};
  for (int i = 1; i < 32; ++i)
    plans.push_back({.plan = "a " + std::to_string(i), .seconds = i == 9 ? 0.9e-3 : 1.2e-3, .predicted = 1.5});
  Session session(plans, {.spread = 0.02});
  EXPECT_EQ(session.run().plan, "a 9");
  std::set<std::string> beyond_the_first;
  for (const Sample& sample : session.recorded)
    if (sample.rung > 0) beyond_the_first.insert(sample.plan);
  EXPECT_EQ(beyond_the_first, (std::set<std::string>{"a 0", "a 9"}));
}

// The first calls after another plan's are not what later ones are.
TEST(Search, ThePlansThatDecideTakeLongerSamples) {
  std::vector<SimulatedPlan> plans = forty_plans();
  for (SimulatedPlan& plan : plans) plan.seconds /= 10;
  Session session(plans);
  session.run();
  const int last_rung = session.recorded.back().rung;
  EXPECT_GT(last_rung, 0);
  for (const Sample& sample : session.recorded) {
    const double true_time = std::ranges::find(plans, sample.plan, &SimulatedPlan::plan)->seconds;
    EXPECT_NEAR(sample.calls * true_time, sample.rung == last_rung ? 4e-3 : 1e-3, 1.01 * true_time) << sample.plan;
  }
}

TEST(Search, ALongCallIsNotTimedBeforeItsFirstRound) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans.resize(3);
  for (SimulatedPlan& plan : plans) plan.seconds = 0.1;
  Session session(plans);
  exactly(session, 21);
  session.run();
  EXPECT_EQ(session.subject.samples, 3 * 21 + 1);  // the default's, which tells what a search costs
}

TEST(Search, IsSettledWhenNothingMayBeFasterByMoreThanTwoPercent) {
  const std::vector<SimulatedPlan> equal = {{.plan = "a 0", .predicted = 1}, {.plan = "a 1", .predicted = 1.1}};
  Session sure(equal, {.spread = 0.01});
  exactly(sure, 21);
  EXPECT_TRUE(sure.run().settled);
  Session unsure(equal, {.spread = 0.1});
  exactly(unsure, 21);
  const SearchResult result = unsure.run();
  EXPECT_TRUE(result.complete);
  EXPECT_FALSE(result.settled);
  Session cut(equal, {.spread = 0.01});
  cut.options.seconds = 0.06;
  EXPECT_FALSE(cut.run().settled);
}

TEST(Search, GoesOnUntilItIsSettled) {
  const std::vector<SimulatedPlan> equal = {{.plan = "a 0", .predicted = 1}, {.plan = "a 1", .predicted = 1.1}};
  int longer = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Session session(equal, {.spread = 0.1, .seed = seed});
    session.options.most_rounds = 10'000;
    session.options.seconds = 600;
    const SearchResult result = session.run();
    EXPECT_TRUE(result.settled) << seed;
    longer += result.measured_rounds > session.options.last_rounds;
  }
  EXPECT_GT(longer, 10);
}

TEST(Search, TwoTunesAgreeWithinTwoPercentUnderNoise) {
  std::mt19937_64 random(7);
  for (int layer = 0; layer < 30; ++layer) {
    std::vector<SimulatedPlan> plans = forty_plans();
    std::lognormal_distribution<double> times(0, 0.1);
    for (SimulatedPlan& plan : plans) plan.seconds = 1e-3 * times(random);
    const auto true_time = [&](const std::string& plan) {
      return std::ranges::find(plans, plan, &SimulatedPlan::plan)->seconds;
    };
    std::vector<double> chosen;
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      Session session(plans, {.spread = 0.02, .drift = 0.2, .spikes = 0.02, .seed = 100 * seed + layer});
      chosen.push_back(true_time(session.run().plan));
    }
    EXPECT_LT(std::max(chosen[0], chosen[1]) / std::min(chosen[0], chosen[1]), 1.02) << layer;
  }
}

// A machine on which whoever comes first in a round is slow, as after a sleep: no plan pays for it more than another.
TEST(Search, TheRoundsStartWithAnotherPlanEachTime) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans.resize(3);
  for (SimulatedPlan& plan : plans) plan.seconds = 1e-3;
  Session session(plans);
  exactly(session, 21);
  session.subject.first_of_three_is_slow = true;
  const SearchResult result = session.run();
  EXPECT_EQ(result.measured_rounds, 21);
  for (const Sample& sample : session.recorded)
    EXPECT_EQ(std::ranges::count_if(sample.seconds, [](double s) { return s > 1.5e-3; }), 7) << sample.plan;
}

TEST(Search, TheBestOfEachKindIsTriedWhateverTheModelThinks) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans.push_back({.plan = "c 0", .seconds = 0.5e-3, .predicted = 50});
  plans.push_back({.plan = "c 1", .seconds = 0.4e-3, .predicted = 51});
  Session session(plans);
  EXPECT_EQ(session.run().plan, "c 0");
}

// The model takes all of one family for too fast, and there is no time for all of it.
TEST(Search, PlansOfAFamilyMakeRoomForOthers) {
  std::vector<SimulatedPlan> plans;
  for (int i = 0; i < 20; ++i)
    plans.push_back({.plan = "a " + std::to_string(i), .predicted = 1 + 0.005 * i, .family = "near"});
  for (int i = 20; i < 40; ++i)
    plans.push_back({.plan = "a " + std::to_string(i), .seconds = 0.9e-3, .predicted = 1.2, .family = "far"});
  Session session(plans);
  session.options.most_candidates = 12;
  EXPECT_EQ(session.run().plan, "a 20");
}

TEST(Search, SeveralBuildersBuildEachPlanOnce) {
  std::vector<SimulatedPlan> plans = forty_plans();
  plans[9].failure = "no such tile";
  Session session(plans);
  session.options.most_candidates = 40;
  session.subject.builders_at_once = 4;
  const SearchResult result = session.run();
  EXPECT_EQ(result.plan, "b 7");
  EXPECT_EQ(std::ranges::find(result.tried, "b 9", &Tried::plan)->reason, "no such tile");
  std::ranges::sort(session.subject.built);
  EXPECT_EQ(session.subject.built.size(), 40u);
  EXPECT_EQ(std::ranges::adjacent_find(session.subject.built), session.subject.built.end());
}

TEST(Search, TheCandidatesAreBounded) {
  Session session(forty_plans());
  session.options.most_candidates = 10;
  session.run();
  EXPECT_EQ(session.subject.built.size(), 10u);
}

}  // namespace
}  // namespace unstride::tuning
