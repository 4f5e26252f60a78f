// Memory that a thread keeps from call to call.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>

#include "runtime/cpu/aligned_buffer.h"

namespace unstride::cpu {
namespace {

TEST(ThreadScratch, IsKeptWhileItSuffices) {
  void* const scratch = thread_scratch(10'000, 0);
  std::memset(scratch, 1, 10'000);
  EXPECT_EQ(thread_scratch(9'000, 0), scratch);
  std::memset(thread_scratch(3 << 20, 0), 1, 3 << 20);
}

TEST(ThreadScratch, EachPlaceOfEachThreadIsMemoryOfItsOwn) {
  constexpr std::int64_t bytes = 4096;
  std::set<void*> starts;
  for (std::size_t place = 0; place < scratch_places; ++place) starts.insert(thread_scratch(bytes, place));
  std::thread([&] { starts.insert(thread_scratch(bytes, 0)); }).join();
  EXPECT_EQ(starts.size(), scratch_places + 1);
}

// What a thread needs on huge pages for one kernel mustn't change which pages another kernel's panels are on.
TEST(ThreadScratch, OnHugePagesIsMemoryOfItsOwn) {
  constexpr std::int64_t huge = 3 << 20;
  void* const small = thread_scratch(10'000, 0);
  void* const large = thread_scratch(huge, 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large) % (2 << 20), 0u);
  EXPECT_EQ(thread_scratch(10'000, 0), small);
  for (std::size_t place = 0; place < scratch_places; ++place) EXPECT_EQ(thread_scratch(huge, place), large);
}

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

TEST(ThreadScratch, WarmMemoryHasAllItsPages) {
  for (const std::int64_t bytes : {std::int64_t{1} << 20, std::int64_t{9} << 20}) {
    std::thread([bytes] {
      warm_thread_scratch(bytes);
      const long before = page_faults();
      for (std::size_t place = 0; place < scratch_places; ++place)
        std::memset(thread_scratch(bytes, place), 1, static_cast<std::size_t>(bytes));
      EXPECT_LT(page_faults() - before, 8) << bytes;
    }).join();
  }
}

TEST(AlignedBuffer, HoldsWhatWasAskedFor) {
  for (const std::int64_t bytes : {1, 4096, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 7 << 20}) {
    AlignedBuffer buffer(bytes);
    ASSERT_EQ(buffer.size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
    std::memset(buffer.data(), 1, static_cast<std::size_t>(bytes));
    AlignedBuffer moved = std::move(buffer);
    EXPECT_EQ(static_cast<const char*>(moved.data())[bytes - 1], 1);
  }
  EXPECT_THROW(AlignedBuffer(std::int64_t{1} << 60), std::bad_alloc);
}

}  // namespace
}  // namespace unstride::cpu
