// Memory that a thread keeps from call to call.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace unstride::cpu
