// Memory that a kernel may not touch, and shared memory that nobody wrote.
#include <cmath>

#include "tests/emulator/emulator_testing.h"
#include "tests/oracle/guarded_array.h"

namespace unstride::testing {
namespace {

using namespace gpu;

int thread() {
  return static_cast<int>(threadIdx.x);
}

TEST(SharedMemory, IsNaNUntilItIsWritten) {
  std::vector<float> y(32, 0.0f);
  run_under_all_schedules({.x = 2, .threads = 32, .shared_bytes = 128}, [&] {
    auto* values = reinterpret_cast<float*>(dynamic_shared());
    y[thread()] = values[thread()];
    values[thread()] = 1;  // not there any more in the next block
  });
  for (const float value : y) EXPECT_TRUE(std::isnan(value));
}

TEST(SharedMemory, WrittenBeyondItsEndIsAFailure) {
  expect_failure({.threads = 32, .shared_bytes = 200}, "shared memory was written beyond its 200 bytes",
                 [] { dynamic_shared()[200 + thread()] = 0; });
  expect_failure({.threads = 32, .shared_bytes = 256}, "writes memory that it may not touch",
                 [] { dynamic_shared()[256 + thread()] = 0; });
}

TEST(SharedMemory, TouchedBeforeItsBeginningIsAFailureWhereItTouchesTheFront) {
  expect_failure({.threads = 32, .shared_bytes = 200, .shared_touches_front = true},
                 "reads memory that it may not touch", [] {
                   volatile unsigned char value = dynamic_shared()[thread() - 1];
                   static_cast<void>(value);
                 });
  expect_failure({.threads = 32, .shared_bytes = 256, .shared_touches_front = true},
                 "shared memory was written beyond its 256 bytes", [] { dynamic_shared()[256 + thread()] = 0; });
}

TEST(SharedMemory, IsAlignedFor128Bytes) {
  for (const bool front : {false, true})
    run_under_all_schedules({.threads = 32, .shared_bytes = 20, .shared_touches_front = front},
                            [] { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(dynamic_shared()) % 128, 0u); });
}

TEST(GlobalMemory, TouchedBeyondItsEndIsAFailure) {
  const GuardedArray<float> back(32, 0.0f, Touching::back), front(32, 0.0f, Touching::front);
  expect_failure({.threads = 64}, "thread 32: writes memory that it may not touch", [&] {
    if (thread() <= 32) back.elements().data()[thread()] = 1;
  });
  expect_failure({.threads = 32}, "reads memory that it may not touch", [&] {
    volatile float value = front.elements().data()[thread() - 1];
    static_cast<void>(value);
  });
}

TEST(GlobalMemory, IsReadByACopyWhenItLands) {
  const GuardedArray<float> x(32, 0.0f, Touching::back);
  expect_failure({.threads = 64, .shared_bytes = 256}, "reads memory that it may not touch", [&] {
    copy_async<4>(dynamic_shared() + 4 * thread(), x.elements().data() + thread());
    commit_copies();
    wait_copies<0>();
  });
}

}  // namespace
}  // namespace unstride::testing
