// kill -9 at random moments: of writers with readers beside them, and of those who hold a key.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <random>

#include "cache/single_flight.h"
#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

constexpr int keys = 40;

std::size_t size_of(int n) {
  return static_cast<std::size_t>(n % 4 == 0 ? 500'000 : 20'000) + static_cast<unsigned>(n);
}

void sleep_up_to(std::mt19937& random, unsigned microseconds) {
  ::usleep(static_cast<unsigned>(random() % microseconds));
}

// Until killed.
int write_for_ever(const std::string& root, unsigned seed) {
  std::mt19937 random(seed);
  const auto store = Store::open({.root = root});
  for (;;) {
    const int n = static_cast<int>(random() % keys);
    store->publish(key_number(n), entry_number(n, size_of(n)));
  }
}

// Until told to stop. 0: all it saw was right; 1: never a hit; 2: a wrong one; 3: something was reported.
volatile std::sig_atomic_t stop = 0;
int read_until_told(const std::string& root) {
  std::signal(SIGTERM, [](int) { stop = 1; });
  Reports reports;
  const auto store = Store::open({.root = root, .report = reports.report()});
  std::int64_t hits = 0;
  for (int n = 0; stop == 0; n = (n + 1) % keys)
    if (const auto found = store->find(key_number(n))) {
      if (!is_entry_number(n, *found, size_of(n))) return 2;
      ++hits;
    }
  for (const std::string& line : reports.lines()) std::fprintf(stderr, "reader: %s\n", line.c_str());
  std::printf("a reader saw %lld entries, all right\n", static_cast<long long>(hits));
  return !reports.lines().empty() ? 3 : hits == 0 ? 1 : 0;
}

TEST(Killed, WritersLeaveOnlyWholeEntries) {
  const TempFolder folder;
  const std::string root = folder / "root";
  constexpr int kills = 600;
  std::mt19937 random(20240817);
  const auto store = Store::open({.root = root});
  std::vector<Child> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back([&] { return read_until_told(root); });

  std::int64_t left = 0;
  for (int i = 0; i < kills; ++i) {
    Child writer([&] { return write_for_ever(root, static_cast<unsigned>(i)); });
    sleep_up_to(random, 20'000);
    writer.signal(SIGKILL);
    EXPECT_EQ(writer.wait(), -SIGKILL);
  }
  for (Child& reader : readers) {
    reader.signal(SIGTERM);
    EXPECT_EQ(reader.wait(), 0);
  }
  const FsckReport result = store->fsck(false);
  EXPECT_EQ(result.corrupt, std::vector<std::string>{});
  EXPECT_GT(result.checked, keys / 2);
  left = store->stats().temp_files;
  std::printf("%d writers killed, %lld entries, %lld temp files left\n", kills, static_cast<long long>(result.checked),
              static_cast<long long>(left));
  // A kill in the middle of a write is what this test is about; some must have been.
  EXPECT_GT(left, kills / 50);

  // What the dead left neither stops the living nor stays.
  EXPECT_TRUE(store->publish(key_number(1), entry_number(1)));
  for (const auto& info : store->list()) EXPECT_EQ(info.hex.size(), 64u);
  EXPECT_EQ(store->stats().temp_files, left);  // young: their writers could be alive
}

TEST(Killed, AHolderOfAKeyHoldsNobodyUp) {
  const TempFolder folder;
  const std::string root = folder / "root";
  ASSERT_TRUE(Store::open({.root = root}));
  constexpr int kills = 200;
  std::mt19937 random(4711);
  const std::string builds = folder / "builds";
  double longest = 0;
  for (int i = 0; i < kills; ++i) {
    const auto never = [] { return SingleFlight::Result(); };
    Child holder([&] {
      SingleFlight flights({.root = root});
      flights.run(key_number(1), never, [&] {
        const int fd = ::open(builds.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        static_cast<void>(!::write(fd, "x", 1));
        ::usleep(60'000'000);
        return std::make_shared<const Entry>(entry_number(1));
      });
      return 0;
    });
    sleep_up_to(random, 3'000);
    holder.signal(SIGKILL);
    EXPECT_EQ(holder.wait(), -SIGKILL);
    Reports reports;
    SingleFlight flights({.root = root, .lock_limit = std::chrono::seconds(10), .report = reports.report()});
    const double begin = seconds_since_start();
    EXPECT_TRUE(flights.run(key_number(1), never, [] { return std::make_shared<const Entry>(entry_number(1)); }));
    longest = std::max(longest, seconds_since_start() - begin);
    EXPECT_TRUE(reports.lines().empty());
  }
  const auto inside = read_file(builds).size();
  std::printf("%d killed, %zu of them holding the key; the next one waited at most %.1f ms\n", kills, inside,
              longest * 1e3);
  EXPECT_GT(inside, kills / 10);
  EXPECT_LT(longest, 5);
}

}  // namespace
}  // namespace unstride::cache::testing
