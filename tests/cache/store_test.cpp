// The store in ordinary life.
#include "cache/store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

namespace fs = std::filesystem;

TEST(Store, FindsWhatWasPublished) {
  const TempFolder folder;
  Reports reports;
  const auto store = Store::open({.root = folder / "new/root", .report = reports.report()});
  ASSERT_TRUE(store);
  EXPECT_FALSE(store->find(key_number(1)));
  for (const std::size_t size : {0u, 1u, 300u, 65'000u, 66'000u, 1'000'000u}) {
    EXPECT_TRUE(store->publish(key_number(1), entry_number(1, size)));
    const auto found = store->find(key_number(1));
    ASSERT_TRUE(found);
    EXPECT_TRUE(is_entry_number(1, *found, size));
  }
  EXPECT_FALSE(store->find(key_number(2)));
  EXPECT_EQ(reports.lines(), std::vector<std::string>{});
}

TEST(Store, IsPrivateAndLeavesNoTempFiles) {
  const TempFolder folder;
  const std::string root = folder / "new/root";
  const auto store = Store::open({.root = root});
  ASSERT_TRUE(store->publish(key_number(1), entry_number(1)));
  for (const std::string& path : {folder / "new", root, root + "/tmp", root + "/v1",
                                  fs::path(path_of(root, key_number(1))).parent_path().string()})
    EXPECT_EQ(status_of(path).st_mode & 07777, 0700u) << path;
  EXPECT_EQ(status_of(path_of(root, key_number(1))).st_mode & 07777, 0600u);
  EXPECT_TRUE(fs::is_empty(root + "/tmp"));
}

TEST(Store, AMovedOrCopiedRootStillHits) {
  const TempFolder folder;
  ASSERT_TRUE(Store::open({.root = folder / "a"})->publish(key_number(1), entry_number(1)));
  fs::rename(folder / "a", folder / "b");
  EXPECT_TRUE(Store::open({.root = folder / "b"})->find(key_number(1)));
  fs::copy(folder / "b", folder / "c", fs::copy_options::recursive);
  EXPECT_TRUE(Store::open({.root = folder / "c"})->find(key_number(1)));
}

TEST(Store, TheSameKeyPublishedByManyStaysWhole) {
  const TempFolder folder;
  const std::string root = folder / "root";
  constexpr int processes = 4, rounds = 50;
  std::vector<Child> children;
  for (int p = 0; p < processes; ++p)
    children.emplace_back([&] {
      Reports reports;
      const auto store = Store::open({.root = root, .report = reports.report()});
      int wrong = 0;
      const auto publish_and_find = [&] {
        for (int i = 0; i < rounds; ++i) {
          if (!store->publish(key_number(1), entry_number(1, 100'000))) return;
          const auto found = store->find(key_number(1));
          if (!found || !is_entry_number(1, *found, 100'000)) ++wrong;
        }
      };
      std::thread other([&] { Store::open({.root = root})->publish(key_number(1), entry_number(1, 100'000)); });
      publish_and_find();
      other.join();
      return wrong + static_cast<int>(reports.lines().size());
    });
  for (Child& child : children) EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(Store::open({.root = root})->stats().temp_files, 0);
}

TEST(Store, ThreadsShareOne) {
  const TempFolder folder;
  const auto store = Store::open({.root = folder / "root", .limits = {.max_entries = 20}});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(store->publish(key_number((t * 7 + i) % 30), entry_number((t * 7 + i) % 30)));
        const auto found = store->find(key_number(i));
        EXPECT_TRUE(!found || is_entry_number(i, *found));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store->fsck(false).corrupt, std::vector<std::string>{});
}

TEST(Store, CountsListsAndClears) {
  const TempFolder folder;
  const auto store = Store::open({.root = folder / "root"});
  for (int n = 0; n < 5; ++n) ASSERT_TRUE(store->publish(key_number(n), entry_number(n)));
  write_file(folder / "root/tmp/left.tmp", "x");
  write_file(folder / "root/v1/README", "not an entry");
  const auto list = store->list();
  ASSERT_EQ(list.size(), 5u);
  std::int64_t bytes = 0;
  for (const EntryInfo& info : list) {
    EXPECT_EQ(Key(info.header.key_fields).hex(), info.hex);
    EXPECT_EQ(info.header.payload_size, 300);
    bytes += info.bytes;
  }
  EXPECT_TRUE(std::is_sorted(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.hex < b.hex; }));
  const StoreStats stats = store->stats();
  EXPECT_EQ(stats.entries, 5);
  EXPECT_EQ(stats.bytes, bytes);
  EXPECT_EQ(stats.temp_files, 1);
  EXPECT_EQ(store->fsck(false).checked, 5);
  EXPECT_EQ(store->fsck(false).bytes, bytes);
  EXPECT_EQ(store->clear(), 5);
  EXPECT_EQ(store->stats().entries + store->stats().temp_files, 0);
  EXPECT_TRUE(exists(folder / "root/v1/README"));
}

TEST(Store, ARejectedEntryIsTakenOut) {
  const TempFolder folder;
  const auto store = Store::open({.root = folder / "root"});
  store->remove(key_number(1));
  ASSERT_TRUE(store->publish(key_number(1), entry_number(1)));
  store->remove(key_number(1));
  EXPECT_FALSE(store->find(key_number(1)));
}

TEST(Store, ClearedUnderARunningProcessGoesOn) {
  const TempFolder folder;
  Reports reports;
  const auto store = Store::open({.root = folder / "root", .report = reports.report()});
  ASSERT_TRUE(store->publish(key_number(1), entry_number(1)));
  fs::remove_all(folder / "root");
  EXPECT_FALSE(store->find(key_number(1)));
  EXPECT_TRUE(store->publish(key_number(1), entry_number(1)));
  EXPECT_TRUE(store->find(key_number(1)));
  EXPECT_EQ(reports.lines(), std::vector<std::string>{});
}

TEST(Store, AHitRenewsItsStampButNotEachTime) {
  const TempFolder folder;
  const std::string root = folder / "root", path = path_of(root, key_number(1));
  const auto store = Store::open({.root = root});
  ASSERT_TRUE(store->publish(key_number(1), entry_number(1)));
  set_age(path, 3600);
  ASSERT_TRUE(store->find(key_number(1)));
  EXPECT_LT(age_of(path), 60);
  set_age(path, 100);
  ASSERT_TRUE(store->find(key_number(1)));
  EXPECT_GE(age_of(path), 100);
  set_age(path, 3600);
  ASSERT_TRUE(Store::open({.root = root, .writable = false})->find(key_number(1)));
  EXPECT_GE(age_of(path), 3600);
}

TEST(Store, WhatIsLargerThanTheFileLimitIsNotKept) {
  // As a child: a limit can be lowered, and its signal would end the process.
  const TempFolder folder;
  Child child([&] {
    Reports reports;
    const auto store = Store::open({.root = folder / "root", .report = reports.report()});
    const struct rlimit limit { 10'000, 10'000 };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (store->publish(key_number(1), entry_number(1, 20'000))) return 1;
    if (!store->publish(key_number(2), entry_number(2, 2'000))) return 2;
    return reports.one_with("ulimit -f: File too large; a compiled kernel is not kept") ? 0 : 3;
  });
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace unstride::cache::testing
