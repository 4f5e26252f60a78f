// What must not grow with the number of entries, shown by taking the permission away that it would need; and the times
// of 10,000 entries, which are printed and judged by nobody here.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>

#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

template <typename F>
double seconds(F f) {
  const double begin = seconds_since_start();
  f();
  return seconds_since_start() - begin;
}

double microseconds_to_find(Store& store, int among) {
  constexpr int looks = 2000;
  return seconds([&] {
           for (int i = 0; i < looks; ++i) EXPECT_TRUE(store.find(key_number(i * 7 % among)));
         }) /
         looks * 1e6;
}

// A store of 100 entries whose folders of entries have one mode and whose entries another, used by somebody whom
// permissions bind. What `work` returns, or child_skips.
int with_modes(unsigned folders, unsigned entries, const std::function<int(const std::string& root)>& work) {
  namespace fs = std::filesystem;
  const TempFolder folder;
  const std::string root = folder / "root";
  const bool is_root = ::geteuid() == 0;
  for (int n = 0; n < 100; ++n) write_entry_file(root, key_number(n), encode(key_number(n), entry_number(n)));
  std::vector<std::string> paths{root};
  for (const auto& item : fs::recursive_directory_iterator(root)) paths.push_back(item.path());
  for (const std::string& path : paths) {
    if (is_root && ::lchown(path.c_str(), other_uid, other_uid) != 0) return child_skips;
    if (path.ends_with(".usk")) ::chmod(path.c_str(), entries);
    if (path.size() == root.size() + std::string("/v1/ab").size()) ::chmod(path.c_str(), folders);
  }
  Child child([&] { return is_root && !become_other_user() ? child_skips : work(root); });
  return child.wait();
}

TEST(ManyEntries, AreFoundWithoutListingAFolder) {
  const int code = with_modes(0300, 0600, [](const std::string& root) {
    const auto store = Store::open({.root = root});
    for (int n = 0; n < 100; ++n) {
      const auto found = store->find(key_number(n));
      if (!found || !is_entry_number(n, *found)) return 1;
    }
    if (store->find(key_number(100))) return 2;
    return store->stats().entries == 0 ? 0 : 3;  // the listing that was forbidden
  });
  if (code == child_skips) GTEST_SKIP() << "root may not become another user here, and permissions do not bind root";
  EXPECT_EQ(code, 0);
}

TEST(ManyEntries, AreCountedAndPrunedWithoutOpeningOne) {
  const int code = with_modes(0700, 0000, [](const std::string& root) {
    const auto store = Store::open({.root = root});
    if (store->stats().entries != 100) return 1;
    if (store->prune({}) != 0) return 2;
    if (store->prune({.max_entries = 50}) != 60) return 3;
    if (store->stats().entries != 40) return 4;
    return store->list().at(0).header.key_fields.empty() ? 0 : 5;  // the opening that was forbidden
  });
  if (code == child_skips) GTEST_SKIP() << "root may not become another user here, and permissions do not bind root";
  EXPECT_EQ(code, 0);
}

TEST(ManyEntries, TenThousandAreFoundCountedListedCheckedAndPruned) {
  const TempFolder folder;
  constexpr int many = 10'000, few = 10;
  for (int n = 0; n < many; ++n)
    write_entry_file(folder / "many", key_number(n), encode(key_number(n), entry_number(n, 6000)));
  for (int n = 0; n < few; ++n)
    write_entry_file(folder / "few", key_number(n), encode(key_number(n), entry_number(n, 6000)));
  const auto large = Store::open({.root = folder / "many"}), small = Store::open({.root = folder / "few"});
  microseconds_to_find(*small, few);
  const double in_few = microseconds_to_find(*small, few), in_many = microseconds_to_find(*large, many);
  double miss = 0;
  miss = seconds([&] {
           for (int n = 0; n < 1000; ++n) EXPECT_FALSE(large->find(key_number(many + n)));
         }) *
         1e3;
  std::printf("find: %.1f us among %d, %.1f us among %d, miss %.1f us\n", in_few, few, in_many, many, miss);
  const double publish = seconds([&] {
                           for (int n = 0; n < 100; ++n)
                             EXPECT_TRUE(large->publish(key_number(many + n), entry_number(many + n, 6000)));
                         }) /
                         100;
  StoreStats stats;
  std::int64_t removed = 0;
  const double stats_time = seconds([&] { stats = large->stats(); });
  const double list_time = seconds([&] { EXPECT_EQ(large->list().size(), 10'100u); });
  const double fsck_time = seconds([&] { EXPECT_EQ(large->fsck(false).checked, 10'100); });
  const double nothing_time = seconds([&] { EXPECT_EQ(large->prune({}), 0); });
  const double prune_time = seconds([&] { removed = large->prune({.max_entries = 5000}); });
  std::printf("publish %.2f ms, stats %.1f ms, list %.1f ms, fsck %.1f ms\n", publish * 1e3, stats_time * 1e3,
              list_time * 1e3, fsck_time * 1e3);
  std::printf("prune: %.1f ms when nothing is to be done, %.1f ms to remove %lld\n", nothing_time * 1e3,
              prune_time * 1e3, static_cast<long long>(removed));
  EXPECT_EQ(stats.entries, 10'100);
  EXPECT_EQ(removed, 6'100);
}

}  // namespace
}  // namespace unstride::cache::testing
