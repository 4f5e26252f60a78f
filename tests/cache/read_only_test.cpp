// Folders that may be read and not written: hits go on, one line is said, no call fails.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

namespace fs = std::filesystem;

// 0 when all is as it should be.
int reads_but_does_not_write(const std::string& root, bool trust, const std::string& said) {
  Reports reports;
  const auto store = Store::open({.root = root, .trust_foreign_root = trust, .report = reports.report()});
  if (!store) return 1;
  const auto found = store->find(key_number(1));
  if (!found || !is_entry_number(1, *found)) return 2;
  for (int n = 2; n < 5; ++n)
    if (store->publish(key_number(n), entry_number(n))) return 3;
  if (store->writable()) return 4;
  store->remove(key_number(1));
  if (store->prune({.max_entries = 0}) != 0 || store->clear() != 0) return 5;
  if (!store->find(key_number(1))) return 6;
  return reports.one_with(said) ? 0 : 7;
}

TEST(ReadOnly, AFolderWithoutWritePermissionIsStillRead) {
  const TempFolder folder;
  const std::string root = folder / "root";
  ASSERT_TRUE(Store::open({.root = root})->publish(key_number(1), entry_number(1)));
  // Permissions do not bind root: the rest is done as somebody else, who owns the folder.
  const bool is_root = ::geteuid() == 0;
  std::vector<std::string> paths{root};
  for (const auto& item : fs::recursive_directory_iterator(root)) paths.push_back(item.path());
  for (const std::string& path : paths) {
    if (is_root) {
      ASSERT_EQ(::lchown(path.c_str(), other_uid, other_uid), 0);
    }
    ASSERT_EQ(::chmod(path.c_str(), fs::is_directory(path) ? 0500 : 0400), 0);
  }
  Child child([&] {
    if (is_root && !become_other_user()) return child_skips;
    return reads_but_does_not_write(root, false, "Permission denied; nothing more is written by this process");
  });
  const int code = child.wait();
  if (code == child_skips) GTEST_SKIP() << "root may not become another user here, and permissions do not bind root";
  EXPECT_EQ(code, 0);
}

TEST(ReadOnly, AReadOnlyFileSystemIsStillRead) {
  const TempFolder folder;
  Child child([&] {
    if (!mount_in_memory(folder.path(), "size=1m,mode=0755").empty()) return child_skips;
    const std::string root = folder / "root";
    if (!Store::open({.root = root, .trust_foreign_root = true})->publish(key_number(1), entry_number(1))) return 20;
    if (::mount(nullptr, folder.path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return 21;
    if (Store::open({.root = folder / "missing", .trust_foreign_root = true})) return 22;
    return reads_but_does_not_write(root, true, "Read-only file system; nothing more is written by this process");
  });
  const int code = child.wait();
  if (code == child_skips) GTEST_SKIP() << "this user may not mount a file system in memory";
  EXPECT_EQ(code, 0);
}

TEST(ReadOnly, AskedForItWritesNothing) {
  const TempFolder folder;
  const std::string root = folder / "root";
  Reports reports;
  EXPECT_FALSE(Store::open({.root = root, .writable = false, .report = reports.report()}));
  EXPECT_TRUE(reports.one_with(root + " is not used: " + root + ": No such file or directory"));
  EXPECT_FALSE(exists(root));
  ASSERT_TRUE(Store::open({.root = root})->publish(key_number(1), entry_number(1)));
  const auto store = Store::open({.root = root, .writable = false});
  EXPECT_FALSE(store->writable());
  EXPECT_FALSE(store->publish(key_number(2), entry_number(2)));
  EXPECT_EQ(store->clear() + store->prune({.max_entries = 0}), 0);
  EXPECT_TRUE(store->find(key_number(1)));
}

}  // namespace
}  // namespace unstride::cache::testing
