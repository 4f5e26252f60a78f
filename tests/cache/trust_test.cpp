// Loading a kernel runs its code: a root is used only where nobody else could have put any.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/cache/cache_testing.h"
#include "tests/cache/child.h"

namespace unstride::cache::testing {
namespace {

namespace fs = std::filesystem;

class Trust : public ::testing::Test {
 protected:
  void expect_refused(const std::string& said) {
    Reports reports;
    EXPECT_FALSE(Store::open({.root = root, .report = reports.report()}));
    EXPECT_TRUE(reports.one_with(said));
    EXPECT_TRUE(Store::open({.root = root, .trust_foreign_root = true}));
  }
  void expect_used(const std::string& path) {
    Reports reports;
    EXPECT_TRUE(Store::open({.root = path, .report = reports.report()}));
    EXPECT_EQ(reports.lines(), std::vector<std::string>{});
  }
  void give_away(const std::string& path) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder to another user";
    ASSERT_EQ(::lchown(path.c_str(), other_uid, other_uid), 0);
  }

  void SetUp() override {
    ASSERT_TRUE(fs::create_directories(root));
    ::chmod(above.c_str(), 0755);
    ::chmod(root.c_str(), 0700);
  }

  TempFolder folder;
  const std::string above = folder / "above", root = above + "/root";
};

TEST_F(Trust, PrivateFoldersAreUsed) {
  expect_used(root);
}

TEST_F(Trust, ARootThatOthersMayWriteIsRefused) {
  for (const unsigned mode : {0777u, 0770u, 0720u, 0702u, 01777u}) {
    ASSERT_EQ(::chmod(root.c_str(), mode), 0);
    expect_refused(root + " has mode ");
  }
}

TEST_F(Trust, ARootThatIsOpenToAllOnPurposeIsNotToBeClosed) {
  ASSERT_EQ(::chmod(root.c_str(), 01777), 0);  // as /tmp
  Reports reports;
  EXPECT_FALSE(Store::open({.root = root, .report = reports.report()}));
  EXPECT_TRUE(reports.one_with("use a folder inside it"));
  EXPECT_EQ(reports.lines().at(0).find("chmod"), std::string::npos);
}

TEST_F(Trust, AnAncestorThatOthersMayWriteIsRefused) {
  for (const unsigned mode : {0777u, 0775u, 0757u}) {
    ASSERT_EQ(::chmod(above.c_str(), mode), 0);
    expect_refused(above + " has mode ");
  }
  ASSERT_EQ(::chmod(above.c_str(), 01777), 0);  // as /tmp: others cannot change our names
  expect_used(root);
}

TEST_F(Trust, AForeignRootIsRefused) {
  give_away(root);
  if (!IsSkipped()) expect_refused(root + " belongs to user 65534");
}

TEST_F(Trust, AForeignAncestorIsRefused) {
  give_away(above);
  if (!IsSkipped()) expect_refused(above + " belongs to user 65534");
}

TEST_F(Trust, AForeignEntryIsRefused) {
  ASSERT_TRUE(Store::open({.root = root})->publish(key_number(1), entry_number(1)));
  give_away(path_of(root, key_number(1)));
  if (IsSkipped()) return;
  Reports reports;
  EXPECT_FALSE(Store::open({.root = root, .report = reports.report()})->find(key_number(1)));
  EXPECT_TRUE(reports.one_with("belongs to user 65534"));
  EXPECT_TRUE(Store::open({.root = root, .trust_foreign_root = true})->find(key_number(1)));
}

TEST_F(Trust, AFolderInsideThatOthersMayWriteIsRefused) {
  const std::string path = path_of(root, key_number(1));
  for (const std::string& inside : {root + "/v1", fs::path(path).parent_path().string(), root + "/tmp"}) {
    ASSERT_TRUE(Store::open({.root = root})->publish(key_number(1), entry_number(1)));
    ASSERT_EQ(::chmod(inside.c_str(), 0777), 0);
    Reports reports;
    const auto store = Store::open({.root = root, .report = reports.report()});
    EXPECT_EQ(store->find(key_number(1)).has_value(), inside.ends_with("/tmp"));
    EXPECT_FALSE(store->publish(key_number(1), entry_number(1)));
    for (const std::string& line : reports.lines()) EXPECT_NE(line.find("has mode 0777"), std::string::npos) << line;
    EXPECT_FALSE(reports.lines().empty());
    ASSERT_EQ(::chmod(inside.c_str(), 0700), 0);
  }
}

TEST_F(Trust, SymbolicLinksOnTheWayAreFollowedWhenTheyAreOurs) {
  fs::create_directory_symlink("above", folder / "relative");
  fs::create_directory_symlink(above, folder / "absolute");
  fs::create_directory_symlink("absolute/../relative/./root", folder / "twice");
  for (const std::string name : {"relative/root", "absolute/root", "twice", "absolute//../above/root/"})
    expect_used(folder / name);
  fs::create_directory_symlink("loop", folder / "loop");
  EXPECT_FALSE(Store::open({.root = folder / "loop/root"}));
  ASSERT_EQ(::chmod(above.c_str(), 0777), 0);
  Reports reports;
  EXPECT_FALSE(Store::open({.root = folder / "twice", .report = reports.report()}));
  EXPECT_TRUE(reports.one_with(above + " has mode 0777"));
}

TEST_F(Trust, ASymbolicLinkOfAnotherUserIsRefused) {
  fs::create_directory_symlink("above", folder / "link");
  give_away(folder / "link");
  if (IsSkipped()) return;
  Reports reports;
  EXPECT_FALSE(Store::open({.root = folder / "link/root", .report = reports.report()}));
  EXPECT_TRUE(reports.one_with("is a symbolic link that belongs to user 65534"));
}

TEST_F(Trust, WhatIsNoFolderIsRefused) {
  write_file(folder / "file", "x");
  for (const std::string& path : {folder / "file", folder / "file/root", std::string("relative"), std::string()}) {
    Reports reports;
    EXPECT_FALSE(Store::open({.root = path, .report = reports.report()}));
    EXPECT_EQ(reports.lines().size(), 1u) << path;
  }
  EXPECT_FALSE(exists("relative"));
}

}  // namespace
}  // namespace unstride::cache::testing
