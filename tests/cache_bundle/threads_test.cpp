// One bundle, many threads (run with the thread sanitizer).
#include <atomic>
#include <thread>

#include "bundle_testing.h"

namespace unstride::cache {
namespace {

TEST(BundleThreads, FindTogetherAndReportOnce) {
  constexpr int count = 40, damaged = 17;
  const TestFolder folder;
  writer_of(count, 5000).write(folder / "b");
  std::string bytes = read_file(folder / "b");
  bytes[bytes.find(entry_of(damaged, 5000).payload) + 4000] ^= 1;
  write_file(folder / "b", bytes);

  std::atomic<int> lines = 0, wrong = 0;
  const auto bundle = Bundle::open({.path = folder / "b", .report = [&](const std::string&) { ++lines; }});
  ASSERT_TRUE(bundle);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int step = 0; step < 4 * count; ++step) {
        const int i = (step * 7 + t * 5) % (count + 1);  // one of them is absent
        const std::optional<Entry> entry = bundle->find(key_of(i));
        const bool expected = i < count && i != damaged;
        if (entry.has_value() != expected || (entry && entry->payload != entry_of(i, 5000).payload)) ++wrong;
      }
      if (bundle->list().size() != count) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(lines, 1);
}

}  // namespace
}  // namespace unstride::cache
