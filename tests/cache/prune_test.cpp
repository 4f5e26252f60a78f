// Bounds: least recently used first, whatever the clock did.
#include "cache/prune.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

class Prune : public ::testing::Test {
 protected:
  void publish(int n, std::int64_t age) {
    ASSERT_TRUE(store->publish(key_number(n), entry_number(n)));
    set_age(path_of(root, key_number(n)), age);
  }
  bool has(int n) const { return exists(path_of(root, key_number(n))); }

  TempFolder folder;
  const std::string root = folder / "root";
  std::unique_ptr<Store> store = Store::open({.root = root});
};

TEST_F(Prune, KeepsTheRecentlyUsed) {
  for (int n = 0; n < 100; ++n) publish(n, 10'000 - n);
  for (int n = 0; n < 20; ++n) ASSERT_TRUE(store->find(key_number(n)));
  EXPECT_EQ(store->prune({.max_entries = 50}), 60);
  for (int n = 0; n < 100; ++n) EXPECT_EQ(has(n), n < 20 || n >= 80) << n;
}

TEST_F(Prune, CountsBytesToo) {
  for (int n = 0; n < 20; ++n) publish(n, 10'000 - n);
  const std::int64_t bytes = store->stats().bytes;
  store->prune({.max_bytes = bytes / 2});
  EXPECT_LE(store->stats().bytes, bytes / 2 * 4 / 5);
  EXPECT_GE(store->stats().bytes, bytes / 2 * 4 / 5 - bytes / 10);
  EXPECT_TRUE(has(19));
  EXPECT_FALSE(has(0));
}

TEST_F(Prune, WithinTheLimitsRemovesNothing) {
  for (int n = 0; n < 10; ++n) publish(n, 1'000'000);
  EXPECT_EQ(store->prune({.max_entries = 10}), 0);
  EXPECT_EQ(store->prune({.max_entries = 0}), 10);
}

TEST_F(Prune, StampsFromTheFutureCountAsNow) {
  constexpr std::int64_t year = 365 * 86'400;
  for (int n = 0; n < 5; ++n) publish(n, -year - n);
  for (int n = 5; n < 10; ++n) publish(n, 3600 + n);
  for (const EntryInfo& info : store->list()) EXPECT_LE(info.last_used, time_now());
  EXPECT_EQ(store->prune({.max_entries = 9}), 3);
  // The old ones went, not those of the future; and these age from now on.
  for (int n = 0; n < 10; ++n) EXPECT_EQ(has(n), n < 7) << n;
  for (int n = 0; n < 5; ++n) EXPECT_GE(age_of(path_of(root, key_number(n))), 0);
}

TEST_F(Prune, AHitBringsAStampFromTheFutureBack) {
  publish(1, -1'000'000);
  ASSERT_TRUE(store->find(key_number(1)));
  EXPECT_GE(age_of(path_of(root, key_number(1))), 0);
  EXPECT_LT(age_of(path_of(root, key_number(1))), 60);
}

// The kernel stamps files with a clock of its own, and they may only differ where a second begins.
TEST_F(Prune, AFileJustStampedIsNotFromTheFuture) {
  publish(1, 0);
  const std::string path = path_of(root, key_number(1));
  for (const std::int64_t start = time_now(); time_now() < start + 2;) {
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0), 0);
    ASSERT_GE(age_of(path), 0);
  }
}

TEST_F(Prune, TempFilesOfTheDeadAreSwept) {
  publish(1, 0);
  for (const auto& [name, age] : std::initializer_list<std::pair<std::string, int>>{
           {"/tmp/young.tmp", 60}, {"/tmp/old.tmp", 3700}, {"/tmp/future.tmp", -3700}}) {
    write_file(root + name, "half an entry");
    set_age(root + name, age);
  }
  EXPECT_EQ(store->prune({}), 0);
  EXPECT_EQ(store->stats().temp_files, 1);
  EXPECT_TRUE(exists(root + "/tmp/young.tmp"));
  // The first publication of a process does it too.
  set_age(root + "/tmp/young.tmp", 3700);
  ASSERT_TRUE(Store::open({.root = root})->publish(key_number(2), entry_number(2)));
  EXPECT_EQ(store->stats().temp_files, 0);
}

TEST_F(Prune, PublishingKeepsAStoreWithinItsLimits) {
  const auto bounded = Store::open({.root = root, .limits = {.max_entries = 50}});
  for (int n = 0; n < 300; ++n) {
    ASSERT_TRUE(bounded->publish(key_number(n), entry_number(n)));
    if (n % 10 == 0) {
      ASSERT_LE(bounded->stats().entries, 51);
    }
  }
  EXPECT_GE(bounded->stats().entries, 40);
}

TEST_F(Prune, ShortProcessesKeepItWithinItsLimitsTogether) {
  // Each publishes one entry and ends. Of 200 entries: each looks with a chance of one in four.
  for (int n = 0; n < 500; ++n)
    ASSERT_TRUE(Store::open({.root = root, .limits = {.max_entries = 200}})->publish(key_number(n), entry_number(n)));
  EXPECT_LE(store->stats().entries, 280);
}

TEST(PruneSchedule, LooksAfterAFiftiethOfALimit) {
  PruneSchedule by_count({.max_bytes = std::int64_t{1} << 40, .max_entries = 10'000});
  int looks = 0;
  for (int i = 0; i < 10'000; ++i) looks += by_count.published(1000);
  EXPECT_GE(looks, 49);
  EXPECT_LE(looks, 51);
  PruneSchedule by_bytes({.max_bytes = 1'000'000, .max_entries = 1 << 30});
  looks = 0;
  for (int i = 0; i < 1000; ++i) looks += by_bytes.published(1000);
  EXPECT_GE(looks, 49);
  EXPECT_LE(looks, 51);
}

}  // namespace
}  // namespace unstride::cache::testing
