// A file system without room: said once, nothing half-written is seen, what is there still hits.
#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include <cstdio>

#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

TEST(FullDisk, IsSaidOnceAndKeepsReading) {
  const TempFolder folder;
  Child child([&] {
    if (const std::string why = mount_in_memory(folder.path(), "size=512k,mode=0755"); !why.empty()) {
      std::printf("no file system in memory: %s\n", why.c_str());
      return child_skips;
    }
    Reports reports;
    // In a user namespace, the owners of the folders above are not shown.
    const auto store = Store::open({.root = folder / "root", .trust_foreign_root = true, .report = reports.report()});
    if (!store) return 1;
    int published = 0;
    constexpr std::size_t size = 30'000;
    while (published < 1000 && store->publish(key_number(published), entry_number(published, size))) ++published;
    std::printf("%d entries until the disk was full\n", published);
    if (published < 5 || published == 1000 || store->writable()) return 2;
    for (int n = 0; n < 20; ++n)
      if (store->publish(key_number(1000 + n), entry_number(n, size))) return 3;
    for (int n = 0; n < published; ++n) {
      const auto found = store->find(key_number(n));
      if (!found || !is_entry_number(n, *found, size)) return 4;
    }
    if (store->find(key_number(published))) return 5;
    if (!reports.one_with("No space left on device; nothing more is written by this process")) return 6;
    if (store->stats().temp_files != 0) return 7;
    if (!store->fsck(false).corrupt.empty()) return 8;
    // Another process, or the next: room can be made and used.
    const auto next = Store::open({.root = folder / "root", .trust_foreign_root = true});
    if (next->prune({.max_entries = 5}) != published - 4) return 9;
    return next->publish(key_number(2000), entry_number(1, size)) ? 0 : 10;
  });
  const int code = child.wait();
  if (code == child_skips) GTEST_SKIP() << "this user may not mount a file system in memory, so none was filled";
  EXPECT_EQ(code, 0);
}

TEST(FullDisk, OutOfInodesIsTheSame) {
  const TempFolder folder;
  Child child([&] {
    if (!mount_in_memory(folder.path(), "size=10m,nr_inodes=30,mode=0755").empty()) return child_skips;
    Reports reports;
    const auto store = Store::open({.root = folder / "root", .trust_foreign_root = true, .report = reports.report()});
    int published = 0;
    while (published < 100 && store->publish(key_number(published), entry_number(published))) ++published;
    if (published < 3 || published == 100) return 1;
    for (int n = 0; n < published; ++n)
      if (!store->find(key_number(n))) return 2;
    return reports.one_with("No space left on device") ? 0 : 3;
  });
  const int code = child.wait();
  if (code == child_skips) GTEST_SKIP() << "this user may not mount a file system in memory, so none was filled";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace unstride::cache::testing
