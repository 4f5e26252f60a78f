// From block to block: what is published lands at a barrier, and nobody may be told of it before.
#include <algorithm>
#include <cmath>

#include "tests/emulator/emulator_testing.h"

namespace unstride::testing {
namespace {

using namespace gpu;

struct alignas(16) Memory {
  float values[4 * 32] = {};
  unsigned counter = 0;
};

TEST(Publishing, LandsAtTheBarrierAndNotBefore) {
  for (const emulator::Schedule& schedule : schedules()) {
    Memory memory;
    std::vector<float> before(32), after(32);
    emulator::launch({.threads = 32}, schedule, [&] {
      const int thread = static_cast<int>(threadIdx.x);
      publish<4>(memory.values + 4 * thread, Vector<float, 4>{{1, 2, 3, 4}});
      before[thread] = memory.values[4 * thread + 3];
      __syncthreads();
      after[thread] = memory.values[4 * (31 - thread) + 3];
    });
    EXPECT_TRUE(std::ranges::all_of(before, [](float v) { return std::isnan(v); })) << schedule.name();
    EXPECT_EQ(after, std::vector<float>(32, 4.0f)) << schedule.name();
  }
}

TEST(Publishing, ArrivalsAreCountedOverAllBlocks) {
  Memory memory;
  std::vector<unsigned> seen(3);
  emulator::launch({.x = 3, .threads = 32}, emulator::Schedule::reverse(), [&] {
    if (threadIdx.x == 0) seen[blockIdx.x] = count_arrival(&memory.counter);
  });
  EXPECT_EQ(memory.counter, 3u);
  EXPECT_EQ(seen, (std::vector<unsigned>{2, 1, 0}));
}

TEST(Publishing, BeforeTheBarrierNobodyIsTold) {
  Memory memory;
  expect_failure({.threads = 32}, "no barrier between what is published", [&] {
    publish<4>(memory.values + 4 * threadIdx.x, Vector<float, 4>{{1, 2, 3, 4}});
    if (threadIdx.x == 0) count_arrival(&memory.counter);
    __syncthreads();
  });
}

TEST(Publishing, WithoutABarrierIsAFailure) {
  Memory memory;
  expect_failure({.threads = 32}, "before what it published has passed a barrier", [&] {
    publish<4>(memory.values + 4 * threadIdx.x, Vector<float, 4>{{1, 2, 3, 4}});
  });
}

}  // namespace
}  // namespace unstride::testing
