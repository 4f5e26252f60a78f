// Compiled once: among threads, among processes, among both; and failures are not remembered.
#include "cache/single_flight.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

using Result = SingleFlight::Result;

Result never() {
  return nullptr;
}

TEST(SingleFlight, AHitBuildsNothing) {
  SingleFlight flights({});
  const auto entry = std::make_shared<const Entry>(entry_number(1));
  EXPECT_EQ(flights.run(
                key_number(1), [&] { return entry; },
                [] {
                  ADD_FAILURE();
                  return Result();
                }),
            entry);
}

TEST(SingleFlight, OneThreadBuildsAndAllHaveItsResult) {
  SingleFlight flights({});
  constexpr int count = 16;
  std::atomic<int> builds = 0;
  std::latch all(count);
  std::vector<Result> results(count);
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      all.arrive_and_wait();
      results[static_cast<std::size_t>(t)] = flights.run(key_number(1), never, [&] {
        ++builds;
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        return std::make_shared<const Entry>(entry_number(1));
      });
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(builds, 1);
  for (const Result& result : results) EXPECT_EQ(result, results[0]);
}

TEST(SingleFlight, OtherKeysAreBuiltMeanwhile) {
  SingleFlight flights({});
  std::latch both(2);  // opens only if two builds are going on at once
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      flights.run(key_number(t), never, [&] {
        both.arrive_and_wait();
        return std::make_shared<const Entry>();
      });
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(SingleFlight, AFailureReachesEveryWaiterAndIsNotRemembered) {
  SingleFlight flights({});
  constexpr int count = 8;
  std::atomic<int> builds = 0, failures = 0;
  std::latch all(count);
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back([&] {
      all.arrive_and_wait();
      try {
        flights.run(key_number(1), never, [&]() -> Result {
          ++builds;
          std::this_thread::sleep_for(std::chrono::milliseconds(300));
          throw std::runtime_error("no such instruction");
        });
      } catch (const std::runtime_error& error) {
        if (std::string(error.what()) == "no such instruction") ++failures;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(builds, 1);
  EXPECT_EQ(failures, count);
  EXPECT_TRUE(flights.run(key_number(1), never, [] { return std::make_shared<const Entry>(); }));
  EXPECT_THROW(flights.run(
                   key_number(1), []() -> Result { throw std::logic_error("find"); }, never),
               std::logic_error);
}

TEST(SingleFlight, ManyKeysManyThreadsManyTimes) {
  const TempFolder folder;
  const auto store = Store::open({.root = folder / "root"});
  SingleFlight flights({.root = folder / "root"});
  constexpr int keys = 25;
  std::vector<std::atomic<int>> builds(keys);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const int n = (i * (t % 2 == 0 ? 1 : 7)) % keys;
        const Result result = flights.run(
            key_number(n),
            [&]() -> Result {
              auto found = store->find(key_number(n));
              return found ? std::make_shared<const Entry>(std::move(*found)) : nullptr;
            },
            [&] {
              ++builds[static_cast<std::size_t>(n)];
              auto entry = std::make_shared<const Entry>(entry_number(n));
              EXPECT_TRUE(store->publish(key_number(n), *entry));
              return entry;
            });
        EXPECT_TRUE(is_entry_number(n, *result));
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : builds) EXPECT_EQ(count, 1);
}

// Each process has two threads that ask; every build writes one byte.
TEST(SingleFlight, SixteenProcessesBuildOnce) {
  const TempFolder folder;
  const std::string root = folder / "root";
  constexpr int processes = 16, rounds = 20;
  int wrong = 0;
  for (int round = 0; round < rounds; ++round) {
    const std::string builds = folder / ("builds" + std::to_string(round));
    int gate[2];
    ASSERT_EQ(::pipe(gate), 0);
    std::vector<Child> children;
    for (int p = 0; p < processes; ++p)
      children.emplace_back([&] {
        ::close(gate[1]);
        char byte = 0;
        static_cast<void>(!::read(gate[0], &byte, 1));  // until all are there and the gate closes
        const auto store = Store::open({.root = root});
        SingleFlight flights({.root = root});
        std::atomic<int> good = 0;
        const auto ask = [&] {
          const Result result = flights.run(
              key_number(round),
              [&]() -> Result {
                auto found = store->find(key_number(round));
                return found ? std::make_shared<const Entry>(std::move(*found)) : nullptr;
              },
              [&] {
                const int fd = ::open(builds.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
                static_cast<void>(!::write(fd, "x", 1));
                ::close(fd);
                ::usleep(30'000);
                auto entry = std::make_shared<const Entry>(entry_number(round, 50'000));
                store->publish(key_number(round), *entry);
                return entry;
              });
          if (result && is_entry_number(round, *result, 50'000)) ++good;
        };
        std::thread other(ask);
        ask();
        other.join();
        return good == 2 ? 0 : 1;
      });
    ::close(gate[0]);
    ::close(gate[1]);
    for (Child& child : children) wrong += child.wait() != 0;
    EXPECT_EQ(read_file(builds), "x");
  }
  EXPECT_EQ(wrong, 0);
  std::printf("%d times %d processes with two threads each: one build each time\n", rounds, processes);
}

}  // namespace
}  // namespace unstride::cache::testing
