// Which processors sleeping threads are kept off. Whether a scheduler would have woken them there is its own affair.
#include "runtime/cpu/sleepers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <latch>
#include <thread>
#include <vector>

namespace unstride::cpu {
namespace {

std::vector<int> processors_of(pid_t thread) {
  cpu_set_t set;
  if (sched_getaffinity(thread, sizeof set, &set) != 0) return {};
  std::vector<int> result;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(static_cast<std::size_t>(i), &set)) result.push_back(i);
  return result;
}

void stay_on(pid_t thread, const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int i : processors) CPU_SET(static_cast<std::size_t>(i), &set);
  ASSERT_EQ(sched_setaffinity(thread, sizeof set, &set), 0);
}

// Counts as asleep from construction, on the processor that it is told, until wake() returns.
class Thread {
 public:
  Thread(Sleepers& sleepers, int index, int processor)
      : thread_([this, &sleepers, index, processor] {
          id_ = gettid();
          const std::vector<int> all = processors_of(0);
          stay_on(0, {processor});
          sleepers.add(index);
          stay_on(0, all);
          asleep_.count_down();
          wake_.wait();
          sleepers.remove(index);
          awake_.count_down();
          end_.wait();
        }) {
    asleep_.wait();
  }
  ~Thread() {
    if (!wake_.try_wait()) wake_.count_down();
    end_.count_down();
  }

  void wake() {
    wake_.count_down();
    awake_.wait();
  }
  pid_t id() const { return id_; }

 private:
  pid_t id_ = 0;
  std::latch asleep_{1}, wake_{1}, awake_{1}, end_{1};
  std::jthread thread_;
};

class SleepersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (all.size() < 2) GTEST_SKIP() << "needs two processors";
    stay_on(0, {here});
  }
  void TearDown() override { stay_on(0, all); }

  std::vector<int> without(int processor) const {
    std::vector<int> rest = all;
    std::erase(rest, processor);
    return rest;
  }

  const std::vector<int> all = processors_of(0);
  const int here = all.front();
};

TEST_F(SleepersTest, AreKeptOffTheWakersProcessorUntilTheyAreAwake) {
  for (const int processor : {here, all.back()}) {
    stay_on(0, all);  // a thread starts with the affinity of who starts it
    Sleepers sleepers(1);
    Thread thread(sleepers, 0, processor);
    EXPECT_EQ(processors_of(thread.id()), all);
    stay_on(0, {here});
    sleepers.keep_apart();
    EXPECT_EQ(processors_of(thread.id()), without(here));
    thread.wake();
    EXPECT_EQ(processors_of(thread.id()), all);
    sleepers.keep_apart();
    EXPECT_EQ(processors_of(thread.id()), all);
  }
}

// A thread that has not come before the next call is woken by another thread, elsewhere.
TEST_F(SleepersTest, WokenTwiceAreKeptOffTheLastWakersProcessor) {
  stay_on(0, all);
  Sleepers sleepers(1);
  Thread thread(sleepers, 0, here);
  for (const int processor : {here, all.back()}) {
    stay_on(0, {processor});
    sleepers.keep_apart();
    EXPECT_EQ(processors_of(thread.id()), without(processor));
  }
  thread.wake();
  EXPECT_EQ(processors_of(thread.id()), all);
}

TEST_F(SleepersTest, AreKeptApart) {
  stay_on(0, all);
  Sleepers sleepers(2);
  const int there = all.back();
  Thread first(sleepers, 0, there), second(sleepers, 1, there);
  stay_on(0, {here});
  sleepers.keep_apart();
  EXPECT_EQ(processors_of(first.id()), without(here));
  std::vector<int> rest = without(here);
  std::erase(rest, there);
  // Where there are not so many processors, the rest of the threads stay where they may be.
  EXPECT_EQ(processors_of(second.id()), rest.empty() ? all : rest);
  second.wake();
  first.wake();
  EXPECT_EQ(processors_of(first.id()), all);
  EXPECT_EQ(processors_of(second.id()), all);
}

TEST_F(SleepersTest, StayWhereTheyMayBe) {
  stay_on(0, {here});
  Sleepers sleepers(1);
  Thread thread(sleepers, 0, here);
  sleepers.keep_apart();
  EXPECT_EQ(processors_of(thread.id()), std::vector<int>{here});
}

}  // namespace
}  // namespace unstride::cpu
