// The thread pool without any kernel: every index once, whoever calls, however often.
#include "runtime/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <set>
#include <thread>
#include <vector>

namespace unstride::cpu {
namespace {

template <typename F>
void parallel(ThreadPool& pool, int count, F f) {
  pool.parallel(
      count, [](void* context, int index) { (*static_cast<F*>(context))(index); }, &f);
}

// Fails the test on its own, so that it can be called on any thread.
void expect_every_index_once(ThreadPool& pool, int count) {
  std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
  parallel(pool, count, [&](int index) { ++calls[static_cast<std::size_t>(index)]; });
  for (const std::atomic<int>& n : calls) EXPECT_EQ(n, 1);
}

TEST(ThreadPool, CallsEveryIndexOnceAndReturnsWhenAllAreDone) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int round = 0; round < 200; ++round)
      for (const int count : {0, 1, 2, 3, 17}) expect_every_index_once(pool, count);
  }
}

TEST(ThreadPool, UsesItsWorkersWhenTasksTakeTime) {
  ThreadPool pool(2);
  std::latch both(2);  // opens only if two threads are inside at once
  parallel(pool, 2, [&](int) { both.arrive_and_wait(); });
}

TEST(ThreadPool, WakesWorkersThatSleep) {
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // longer than they spin
    std::latch both(2);
    parallel(pool, 2, [&](int) { both.arrive_and_wait(); });
  }
}

TEST(ThreadPool, ACallFromInsideATaskRunsOnItsOwnThread) {
  ThreadPool pool(3);
  parallel(pool, 6, [&](int) {
    const auto self = std::this_thread::get_id();
    parallel(pool, 5, [&](int) { EXPECT_EQ(std::this_thread::get_id(), self); });
    expect_every_index_once(pool, 9);
  });
}

TEST(ThreadPool, ACallThatFindsThePoolBusyRunsOnItsOwnThread) {
  ThreadPool pool(2);
  std::latch inside(1), finished(1);
  std::jthread first([&] {
    parallel(pool, 2, [&](int index) {
      if (index != 0) return;
      inside.count_down();
      finished.wait();
    });
  });
  inside.wait();
  const auto self = std::this_thread::get_id();
  parallel(pool, 4, [&](int) { EXPECT_EQ(std::this_thread::get_id(), self); });
  finished.count_down();
}

TEST(ThreadPool, ServesManyCallersAtOnce) {
  ThreadPool pool(3);
  std::vector<std::jthread> callers;
  for (int i = 0; i < 6; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 300; ++round) expect_every_index_once(pool, 7);
    });
}

TEST(ThreadPool, ResultsOfTasksAreVisibleToTheCaller) {
  ThreadPool pool(4);
  for (int round = 0; round < 500; ++round) {
    std::vector<int> plain(64);
    parallel(pool, 64, [&](int index) { plain[static_cast<std::size_t>(index)] = round + index; });
    for (int index = 0; index < 64; ++index) ASSERT_EQ(plain[static_cast<std::size_t>(index)], round + index);
  }
}

TEST(ThreadPool, CanBeDestroyedWhileItsWorkersSpinOrSleep) {
  for (int round = 0; round < 200; ++round) {
    ThreadPool pool(3);
    if (round % 3 > 0) expect_every_index_once(pool, 3);
    if (round % 20 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace
}  // namespace unstride::cpu
