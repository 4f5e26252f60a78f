// A bundle appears whole or not at all, and the same entries give the same bytes.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "bundle_testing.h"
#include "unstride/error.hpp"

namespace unstride::cache {
namespace {

void expect_error(const std::function<void()>& write, const std::string& path, const std::string& reason) {
  try {
    write();
    ADD_FAILURE() << "written; should fail: " << reason;
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(path), std::string::npos) << what;
    EXPECT_NE(what.find(reason), std::string::npos) << what;
  }
}

TEST(BundleWriting, IsDeterministic) {
  const TestFolder folder;
  writer_of(20).write(folder / "a", secret_key);
  BundleWriter backwards;
  for (int i = 19; i >= 0; --i) backwards.add(key_of(i), entry_of(i));
  backwards.write(folder / "b", secret_key);
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
}

TEST(BundleWriting, TheSameKeyAgainReplaces) {
  const TestFolder folder;
  BundleWriter writer = writer_of(3);
  writer.add(key_of(1), entry_of(7));
  EXPECT_EQ(writer.entries(), 3);
  writer.write(folder / "b");
  const auto bundle = Bundle::open({.path = folder / "b"});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->entries(), 3);
  EXPECT_EQ(bundle->find(key_of(1))->payload, entry_of(7).payload);
}

TEST(BundleWriting, LeavesNothingButTheBundle) {
  const TestFolder folder;
  writer_of(3).write(folder / "b");
  writer_of(4).write(folder / "b");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"b"});
  EXPECT_EQ(Bundle::open({.path = folder / "b"})->entries(), 4);
}

TEST(BundleWriting, RemovesWhatWritersWhoWereKilledLeft) {
  const TestFolder folder;
  const auto touch = [&](const std::string& name, int hours) {
    std::ofstream(folder / name) << "x";
    std::filesystem::last_write_time(folder / name,
                                     std::filesystem::file_time_type::clock::now() + std::chrono::hours(hours));
  };
  const std::string old = ".unstride-0123456789abcdef.tmp", future = ".unstride-1123456789abcdef.tmp";
  const std::string fresh = ".unstride-2123456789abcdef.tmp";
  touch(old, -2);
  touch(future, 2);
  touch(fresh, 0);  // its writer may be alive
  const std::vector<std::string> others = {".unstride-notes.tmp", "0123456789abcdef.tmp", "a.bundle"};
  for (const std::string& name : others) touch(name, -2);
  std::filesystem::create_directory(folder / ".unstride-3123456789abcdef.tmp");
  std::filesystem::last_write_time(folder / ".unstride-3123456789abcdef.tmp",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  writer_of(3).write(folder / "b");
  std::vector<std::string> expected = others;
  expected.insert(expected.end(), {fresh, ".unstride-3123456789abcdef.tmp", "b"});
  std::vector<std::string> found = names_in(folder.path());
  std::ranges::sort(expected);
  std::ranges::sort(found);
  EXPECT_EQ(found, expected);
}

TEST(BundleWriting, ReplacingABundleLeavesTheOpenOneItsEntries) {
  const TestFolder folder;
  writer_of(3).write(folder / "b");
  const auto old = Bundle::open({.path = folder / "b"});
  ASSERT_TRUE(old);
  BundleWriter other;
  other.add(key_of(50), entry_of(50));
  other.write(folder / "b");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(has(*old, i));
  EXPECT_FALSE(old->find(key_of(50)));
  const auto now = Bundle::open({.path = folder / "b"});
  ASSERT_TRUE(now);
  EXPECT_TRUE(has(*now, 50));
  std::filesystem::remove(folder / "b");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(has(*old, i));
}

TEST(BundleWriting, ALinkIsReplacedAndNotWrittenThrough) {
  const TestFolder folder;
  write_file(folder / "precious", "precious");
  std::filesystem::create_symlink(folder / "precious", folder / "b");
  writer_of(1).write(folder / "b");
  EXPECT_EQ(read_file(folder / "precious"), "precious");
  EXPECT_TRUE(Bundle::open({.path = folder / "b"}));
}

TEST(BundleWriting, IntoAFolderThatIsMissing) {
  const TestFolder folder;
  expect_error([&] { writer_of(1).write(folder / "no/b"); }, folder / "no/b", "No such file or directory");
}

TEST(BundleWriting, ToANameThatIsAFolder) {
  const TestFolder folder;
  std::filesystem::create_directory(folder / "b");
  expect_error([&] { writer_of(1).write(folder / "b"); }, folder / "b", "Is a directory");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"b"});
  expect_error([&] { writer_of(1).write(folder / "b/"); }, folder / "b/", "give the name of a file");
  expect_error([&] { writer_of(1).write(""); }, "''", "give the name of a file");
}

TEST(BundleWriting, IntoAFolderThatIsReadOnly) {
  const TestFolder folder;
  std::filesystem::create_directory(folder / "sub");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((folder / "sub").c_str(), 0555), 0);
  const bool root = ::geteuid() == 0;
  ASSERT_EQ(root ? ::seteuid(65534) : 0, 0);  // root may write anywhere
  expect_error([&] { writer_of(1).write(folder / "sub/b"); }, folder / "sub/b", "Permission denied");
  ASSERT_EQ(root ? ::seteuid(0) : 0, 0);
  EXPECT_TRUE(names_in(folder / "sub").empty());
}

/// As on a full disk, a write fails halfway.
TEST(BundleWriting, ThatFailsHalfwayKeepsTheOldBundleAndLeavesNothing) {
  const TestFolder folder;
  writer_of(2).write(folder / "b");
  const std::string before = read_file(folder / "b");

  struct rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {2000, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error([&] { writer_of(50).write(folder / "b"); }, folder / "b", "File too large");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);

  EXPECT_EQ(read_file(folder / "b"), before);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace unstride::cache
