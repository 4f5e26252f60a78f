// Copies that land late: what is not waited for is not there yet.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/emulator/emulator_testing.h"

namespace unstride::testing {
namespace {

using namespace gpu;

int thread() {
  return static_cast<int>(threadIdx.x);
}

struct alignas(16) Aligned {
  float at[256];
};

const Aligned& counting() {
  static const Aligned values = [] {
    Aligned filled{};
    std::iota(std::begin(filled.at), std::end(filled.at), 0.0f);
    return filled;
  }();
  return values;
}

std::vector<float> first(int count) {
  return {counting().at, counting().at + count};
}

bool all_nan(const std::vector<float>& values) {
  return std::ranges::all_of(values, [](float v) { return std::isnan(v); });
}

// Two groups of copies; the first is read after waiting until `pending` are under way.
template <int pending>
std::vector<float> read_first_group(const emulator::Schedule& schedule) {
  std::vector<float> y(32);
  emulator::launch({.threads = 32, .shared_bytes = 256}, schedule, [&] {
    auto* values = reinterpret_cast<float*>(dynamic_shared());
    copy_async<4>(values + thread(), counting().at + thread());
    commit_copies();
    copy_async<4>(values + 32 + thread(), counting().at + thread());
    commit_copies();
    wait_copies<pending>();
    __syncthreads();
    y[thread()] = values[31 - thread()];
    __syncthreads();
    wait_copies<0>();
  });
  std::ranges::reverse(y);
  return y;
}

TEST(AsynchronousCopies, AreThereAfterTheWaitThatCoversThem) {
  for (const emulator::Schedule& schedule : schedules()) {
    EXPECT_EQ(read_first_group<0>(schedule), first(32));
    EXPECT_EQ(read_first_group<1>(schedule), first(32));
    EXPECT_TRUE(all_nan(read_first_group<2>(schedule))) << "one group too few was waited for";
  }
}

TEST(AsynchronousCopies, OfInvalidElementsAreZerosAndReadNothing) {
  std::vector<float> y(32);
  run_under_all_schedules({.threads = 32, .shared_bytes = 512}, [&] {
    auto* values = reinterpret_cast<float*>(dynamic_shared());
    copy_async<16>(values + 4 * thread(), nullptr, false);
    commit_copies();
    wait_copies<0>();
    y[thread()] = values[4 * thread()] + values[4 * thread() + 3];
  });
  EXPECT_EQ(y, std::vector<float>(32, 0.0f));
}

TEST(AsynchronousCopies, ThatAreNeverWaitedForAreAFailure) {
  expect_failure({.threads = 32, .shared_bytes = 128}, "returns while its asynchronous copies are under way", [] {
    copy_async<4>(dynamic_shared() + 4 * thread(), counting().at + thread());
    commit_copies();
  });
}

TEST(AsynchronousCopies, OfMisalignedVectorsAreAFailure) {
  expect_failure({.threads = 32, .shared_bytes = 1024}, "not aligned to its 16 bytes",
                 [] { copy_async<16>(dynamic_shared() + 16 * thread(), counting().at + 1); });
}

// A producer warp brings two stages of a ring in bulk, consumers read them.
struct Ring {
  int arrivals = 1, expected_bytes = 128, full_parity = 0;
  bool wait_full = true, wait_empty = true, signal_empty = true;
};

std::string run_ring(const emulator::Schedule& schedule, const Ring& ring, std::vector<float>& y) {
  constexpr int chunks = 6, stages = 2;
  y.assign(chunks * 32, 0.0f);
  return failure({.threads = 64, .shared_bytes = 128 * stages + 64}, schedule, [&] {
    auto* values = reinterpret_cast<float*>(dynamic_shared());
    auto* full = reinterpret_cast<Barrier*>(dynamic_shared() + 128 * stages);
    auto* empty = full + stages;
    if (thread() == 0)
      for (int i = 0; i < stages; ++i) {
        init_barrier(full + i, ring.arrivals);
        init_barrier(empty + i, 32);
      }
    fence_barriers();
    __syncthreads();
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const int stage = chunk % stages, round = chunk / stages;
      if (thread() >= 32) {
        if (thread() > 32) continue;
        if (round > 0 && ring.wait_empty) wait(empty + stage, (round - 1) & 1);
        arrive_expecting(full + stage, ring.expected_bytes);
        copy_bulk(values + 32 * stage, counting().at + 32 * chunk, 128, full + stage);
      } else {
        if (ring.wait_full) wait(full + stage, (round & 1) ^ ring.full_parity);
        y[chunk * 32 + thread()] = values[32 * stage + thread()];
        if (ring.signal_empty) arrive(empty + stage);
      }
    }
  });
}

TEST(BulkCopies, GoThroughARingOfStages) {
  for (const emulator::Schedule& schedule : schedules()) {
    std::vector<float> y;
    EXPECT_EQ(run_ring(schedule, {}, y), "");
    EXPECT_EQ(y, first(192)) << schedule.name();
  }
}

TEST(BulkCopies, AreMissedByWhoeverDoesNotWait) {
  for (const Ring& ring : {Ring{.wait_full = false}, Ring{.full_parity = 1}, Ring{.wait_empty = false}})
    for (const emulator::Schedule& schedule : schedules()) {
      std::vector<float> y;
      const std::string what = run_ring(schedule, ring, y);
      EXPECT_TRUE(!what.empty() || y != first(192)) << schedule.name();
    }
}

TEST(BulkCopies, ThatTheBarrierExpectsTooFewBytesOfAreAFailure) {
  std::vector<float> y;
  for (const emulator::Schedule& schedule : schedules()) {
    const std::string what = run_ring(schedule, {.expected_bytes = 112}, y);
    EXPECT_NE(what.find("more bytes arrive"), what.npos) << what;
  }
}

TEST(BulkCopies, ThatTheBarrierExpectsTooManyBytesOfAreADeadlock) {
  std::vector<float> y;
  for (const emulator::Schedule& schedule : schedules())
    for (const Ring& ring : {Ring{.expected_bytes = 144}, Ring{.arrivals = 2}, Ring{.signal_empty = false}}) {
      const std::string what = run_ring(schedule, ring, y);
      EXPECT_NE(what.find("no thread can go on"), what.npos) << what;
      EXPECT_NE(what.find("wait in wait at"), what.npos) << what;
    }
}

TEST(Mbarriers, ThatWereNotInitialisedOrWereOverwrittenAreAFailure) {
  expect_failure({.threads = 32, .shared_bytes = 8}, "mbarrier was not initialised",
                 [] { arrive(reinterpret_cast<Barrier*>(dynamic_shared())); });
  expect_failure({.threads = 32, .shared_bytes = 8}, "mbarrier was overwritten", [] {
    auto* barrier = reinterpret_cast<Barrier*>(dynamic_shared());
    if (thread() == 0) {
      init_barrier(barrier, 32);
      *barrier = 0;
    }
    __syncthreads();
    arrive(barrier);
  });
}

TEST(Mbarriers, TakeNoMoreArrivalsThanTheirNumber) {
  expect_failure({.threads = 64, .shared_bytes = 8}, "more arrivals", [] {
    auto* barrier = reinterpret_cast<Barrier*>(dynamic_shared());
    if (thread() == 0) {
      init_barrier(barrier, 2);
      arrive_expecting(barrier, 16);  // keeps the phase open
    }
    __syncthreads();
    if (thread() < 2) arrive(barrier);
  });
}

}  // namespace
}  // namespace unstride::testing
