// Barriers of the block and of warps, shuffles, and the schedules that bring out where one is missing.
#include <algorithm>
#include <numeric>

#include "tests/emulator/emulator_testing.h"

namespace unstride::testing {
namespace {

using namespace gpu;

int thread() {
  return static_cast<int>(threadIdx.x);
}

// Reverses an array through shared memory; without the barrier half of it is read before it is written.
std::vector<float> reversed(const emulator::Schedule& schedule, bool with_barrier) {
  std::vector<float> y(128);
  emulator::launch({.threads = 128, .shared_bytes = 512}, schedule, [&] {
    auto* values = reinterpret_cast<float*>(dynamic_shared());
    values[thread()] = static_cast<float>(thread());
    if (with_barrier) __syncthreads();
    y[127 - thread()] = values[127 - thread()];
  });
  return y;
}

TEST(BlockBarrier, MakesWritesSeen) {
  std::vector<float> expected(128);
  std::iota(expected.begin(), expected.end(), 0.0f);
  for (const emulator::Schedule& schedule : schedules()) {
    EXPECT_EQ(reversed(schedule, true), expected) << schedule.name();
    EXPECT_NE(reversed(schedule, false), expected) << schedule.name();
  }
}

TEST(BlockBarrier, ThatSomeThreadsNeverReachIsAFailure) {
  expect_failure({.threads = 64}, "no thread can go on: 32 (thread 0 ...) have returned; 32 (thread 32 ...) wait in",
                 [] {
                   if (thread() >= 32) __syncthreads();
                 });
}

TEST(BlockBarrier, AtDifferentPlacesIsAFailure) {
  expect_failure({.threads = 64}, "threads wait in different __syncthreads", [] {
    if (thread() < 32)
      __syncthreads();
    else
      __syncthreads();
  });
}

TEST(BlockBarrier, SeparatesAnyNumberOfIntervals) {
  std::vector<int> sums(96);
  run_under_all_schedules({.x = 3, .threads = 96, .shared_bytes = 384}, [&] {
    auto* values = reinterpret_cast<int*>(dynamic_shared());
    int own = thread();
    for (int round = 0; round < 10; ++round) {
      values[thread()] = own;
      __syncthreads();
      own = values[(thread() + 1) % 96];
      __syncthreads();
    }
    sums[thread()] = own;
  });
  for (int i = 0; i < 96; ++i) EXPECT_EQ(sums[i], (i + 10) % 96);
}

TEST(SomeBarrier, WaitsForItsThreadsOnly) {
  std::vector<int> y(64);
  run_under_all_schedules({.threads = 128, .shared_bytes = 256}, [&] {
    if (thread() >= 64) return;
    auto* values = reinterpret_cast<int*>(dynamic_shared());
    values[thread()] = thread();
    sync_some<1, 64>();
    y[thread()] = values[63 - thread()];
  });
  for (int i = 0; i < 64; ++i) EXPECT_EQ(y[i], 63 - i);
}

TEST(SomeBarrier, WithTooFewThreadsIsAFailure) {
  expect_failure({.threads = 128}, "wait in sync_some", [] {
    if (thread() < 32) sync_some<1, 64>();
  });
}

TEST(Shuffle, ExchangesAmongTheLanes) {
  std::vector<float> sums(64), first(64);
  run_under_all_schedules({.threads = 64}, [&] {
    float sum = static_cast<float>(thread());
    for (int mask = 16; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
    sums[thread()] = sum;
    first[thread()] = shuffle(static_cast<float>(thread()), 0);
  });
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(sums[i], i < 32 ? 496 : 1520);
    EXPECT_EQ(first[i], i / 32 * 32);
  }
}

TEST(Shuffle, InADivergentWarpIsAFailure) {
  expect_failure({.threads = 32}, "no thread can go on", [] {
    if (thread() < 16) shuffle_xor(1.0f, 1);
  });
  expect_failure({.threads = 32}, "lanes of a warp are in different operations", [] {
    if (thread() < 16)
      shuffle_xor(1.0f, 1);
    else
      sync_warp();
  });
}

TEST(Launch, VisitsEveryBlock) {
  for (const emulator::Schedule& schedule : schedules()) {
    std::vector<int> visits(24);
    emulator::launch({.x = 4, .y = 3, .z = 2}, schedule, [&] {
      if (thread() == 0) ++visits[(blockIdx.z * 3 + blockIdx.y) * 4 + blockIdx.x];
    });
    EXPECT_EQ(std::ranges::count(visits, 1), 24);
  }
}

TEST(Launch, RunsAfterAFailureAsBefore) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(failure({.threads = 64}, emulator::Schedule::forward(), [] {
                   if (thread() == 5) __syncthreads();
                 }).empty());
    EXPECT_TRUE(failure({.threads = 64}, emulator::Schedule::forward(), [] { __syncthreads(); }).empty());
  }
}

TEST(Failures, NameBlockThreadAndPlace) {
  const std::string what = failure({.x = 2, .threads = 32}, emulator::Schedule::forward(), [] {
    float values[4];
    if (blockIdx.x == 1 && thread() == 7) load<4>(reinterpret_cast<const float*>(reinterpret_cast<char*>(values) + 1));
  });
  EXPECT_NE(what.find("schedule forward: block 1,0,0: thread 7: load is not aligned at "), what.npos) << what;
  EXPECT_NE(what.find("barriers_test.cpp:"), what.npos) << what;
}

// 384 threads start with 168 each.
TEST(Registers, AreRaisedByWhatOtherThreadsGiveBack) {
  run_under_all_schedules({.threads = 384}, [] {
    if (thread() >= 256)
      lower_registers<104>();
    else
      raise_registers<200>();
  });
}

TEST(Registers, ThatTheBlockDoesNotHaveAreWaitedForForever) {
  expect_failure({.threads = 384}, "wait in raise_registers", [] {
    if (thread() >= 256)
      lower_registers<112>();
    else
      raise_registers<200>();
  });
}

}  // namespace
}  // namespace unstride::testing
