// Locks for single keys: exclusive, freed by death, and nobody waits for ever.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "cache/single_flight.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class Lock : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Store::open({.root = folder / "root"}));
    locks = lock_folder("", folder / "root");
    ASSERT_EQ(locks, folder / "root/lock");
  }

  // Another process that has the lock and stops; returns once it has.
  Child stopped_holder() {
    Child child([&] {
      const auto lock = KeyLock::acquire(locks, key_number(1), milliseconds(0), {});
      ::raise(lock->held() ? SIGSTOP : SIGKILL);
      ::pause();
      return 0;
    });
    child.wait_until_stopped();
    return child;
  }

  bool free_now(int n) { return KeyLock::acquire(locks, key_number(n), milliseconds(0), {})->held(); }

  TempFolder folder;
  std::string locks;
};

TEST_F(Lock, ExcludesThreadsOfOneProcess) {
  std::atomic<int> together = 0, worst = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const auto lock = KeyLock::acquire(locks, key_number(1), std::chrono::seconds(60), {});
        EXPECT_TRUE(lock->held());
        worst = std::max<int>(worst, ++together);
        ::usleep(500);  // long enough for another to come in
        --together;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(worst, 1);
}

TEST_F(Lock, OtherKeysAreFree) {
  const auto lock = KeyLock::acquire(locks, key_number(1), milliseconds(0), {});
  ASSERT_TRUE(lock->held());
  EXPECT_FALSE(free_now(1));
  EXPECT_TRUE(free_now(2));
}

TEST_F(Lock, AHangingHolderIsNamedAndNotWaitedForLongerThanTheLimit) {
  const Child holder = stopped_holder();
  Reports reports;
  const double begin = seconds_since_start();
  EXPECT_FALSE(KeyLock::acquire(locks, key_number(1), milliseconds(300), reports.report())->held());
  const double waited = seconds_since_start() - begin;
  EXPECT_GE(waited, 0.3);
  EXPECT_LT(waited, 10);
  EXPECT_TRUE(reports.one_with("waited 0.3 s for process " + std::to_string(holder.pid()) + " ("));
}

TEST_F(Lock, SingleFlightBuildsAnywayWhenTheHolderHangs) {
  Child holder = stopped_holder();
  Reports reports;
  SingleFlight flights({.root = folder / "root", .lock_limit = milliseconds(100), .report = reports.report()});
  EXPECT_TRUE(flights.run(
      key_number(1), [] { return SingleFlight::Result(); },
      [] { return std::make_shared<const Entry>(entry_number(1)); }));
  EXPECT_TRUE(reports.one_with("compiling it here too"));
  holder.signal(SIGKILL);
  holder.wait();
  EXPECT_TRUE(free_now(1));
}

TEST_F(Lock, ForkedChildrenDoNotKeepIt) {
  auto lock = KeyLock::acquire(locks, key_number(1), milliseconds(0), {});
  const Child child([] { return ::pause(); });
  lock.reset();
  EXPECT_TRUE(free_now(1));
}

TEST_F(Lock, TheFileStaysSmallAndIsNeverRemoved) {
  { const auto lock = KeyLock::acquire(locks, key_number(1), milliseconds(0), {}); }
  const auto before = status_of(locks + "/locks").st_ino;
  for (int n = 0; n < 1000; ++n) EXPECT_TRUE(free_now(n));
  EXPECT_EQ(status_of(locks + "/locks").st_ino, before);
  EXPECT_LE(status_of(locks + "/locks").st_size, 16 << 20);
  EXPECT_EQ(status_of(locks + "/locks").st_mode & 07777, 0600u);
}

TEST_F(Lock, WithoutAFolderThereIsNoneAndNothingFails) {
  EXPECT_FALSE(KeyLock::acquire("", key_number(1), milliseconds(0), {})->held());
  Reports reports;
  EXPECT_FALSE(KeyLock::acquire(folder / "missing", key_number(1), milliseconds(0), reports.report())->held());
  EXPECT_TRUE(reports.one_with("No such file or directory"));
}

TEST_F(Lock, LivesInTheRuntimeFolderWhereThatIsPrivate) {
  const std::string runtime = folder / "runtime";
  fs::create_directory(runtime);
  ::chmod(runtime.c_str(), 0700);
  EXPECT_EQ(lock_folder(runtime, folder / "root"), runtime + "/unstride");
  EXPECT_EQ(status_of(runtime + "/unstride").st_mode & 07777, 0700u);
  ::chmod((runtime + "/unstride").c_str(), 0755);
  EXPECT_EQ(lock_folder(runtime, folder / "root"), locks);
  ::chmod((runtime + "/unstride").c_str(), 0700);
  ::chmod(runtime.c_str(), 0777);
  EXPECT_EQ(lock_folder(runtime, folder / "root"), locks);
  EXPECT_EQ(lock_folder("relative", folder / "root"), locks);
  EXPECT_EQ(lock_folder("", ""), "");
}

}  // namespace
}  // namespace unstride::cache::testing
