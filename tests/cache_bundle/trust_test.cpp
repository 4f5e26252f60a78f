// Nobody but this user and root could have written the file, or it is signed, or it is trusted explicitly.
#include <sys/stat.h>

#include "bundle_testing.h"

namespace unstride::cache {
namespace {

class BundleTrust : public testing::Test {
 protected:
  BundleTrust() {
    std::filesystem::create_directory(folder / "sub");
    writer_of(2).write(folder / "sub/b", secret_key);
  }

  std::string path() const { return folder / "sub/b"; }

  void expect_foreign(const std::string& what) const {
    expect_refused({.path = path()}, what, "sign the bundle and trust its key");
    EXPECT_TRUE(Bundle::open({.path = path(), .trust_foreign_file = true}));
    EXPECT_TRUE(Bundle::open({.path = path(), .trusted_keys = {public_key}}));
  }

  static constexpr uid_t somebody = 54321;
  TestFolder folder;
};

TEST_F(BundleTrust, AFileThatOthersMayWrite) {
  for (const mode_t mode : {0666, 0646, 0664}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    expect_foreign("chmod go-w");
  }
  for (const mode_t mode : {0644, 0600, 0444, 0400}) {
    ASSERT_EQ(::chmod(path().c_str(), mode), 0);
    EXPECT_TRUE(Bundle::open({.path = path()})) << std::oct << mode;
  }
}

TEST_F(BundleTrust, AFolderThatOthersMayWrite) {
  for (const std::string& above : {folder / "sub", folder.path().string()}) {
    for (const mode_t mode : {0777, 0775}) {
      ASSERT_EQ(::chmod(above.c_str(), mode), 0);
      expect_foreign(above);
    }
    ASSERT_EQ(::chmod(above.c_str(), 0755), 0);
  }
  EXPECT_TRUE(Bundle::open({.path = path()}));
}

TEST_F(BundleTrust, AFolderThatIsOpenToAllOnPurposeIsNotToBeClosed) {
  ASSERT_EQ(::chmod((folder / "sub").c_str(), 01777), 0);  // as /tmp
  expect_foreign("use a folder inside it");
  const Lines lines;
  EXPECT_FALSE(Bundle::open({.path = path(), .report = lines.report()}));
  EXPECT_EQ(lines.lines->at(0).find("chmod"), std::string::npos) << lines.lines->at(0);
}

TEST_F(BundleTrust, AFileOfAnotherUser) {
  if (::chown(path().c_str(), somebody, static_cast<gid_t>(-1)) != 0) GTEST_SKIP() << "needs root";
  expect_foreign("54321");
}

TEST_F(BundleTrust, AFolderOfAnotherUser) {
  if (::chown((folder / "sub").c_str(), somebody, static_cast<gid_t>(-1)) != 0) GTEST_SKIP() << "needs root";
  expect_foreign("54321");
}

TEST_F(BundleTrust, ASymbolicLinkAsTheFileIsNeverFollowed) {
  std::filesystem::create_symlink(path(), folder / "link");
  for (const bool trust : {false, true}) {
    expect_refused({.path = folder / "link", .trust_foreign_file = trust}, "symbolic link", "name the file");
  }
  expect_refused({.path = folder / "link", .trusted_keys = {public_key}}, "symbolic link", "name the file");
}

TEST_F(BundleTrust, ALinkAmongTheFoldersIsFollowedWhenItIsOurs) {
  std::filesystem::create_directory_symlink("sub", folder / "link");
  const auto bundle = Bundle::open({.path = folder / "link/b"});
  ASSERT_TRUE(bundle);
  EXPECT_TRUE(has(*bundle, 0));
  if (::lchown((folder / "link").c_str(), somebody, static_cast<gid_t>(-1)) != 0) GTEST_SKIP() << "needs root";
  expect_refused({.path = folder / "link/b"}, "symbolic link", "trust it as it is");
}

TEST_F(BundleTrust, AFolderOrAPipeIsNoBundleAndNobodyWaitsForIt) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  for (const std::string& name : {folder / "sub", folder / "sub/", folder / "pipe", std::string("/")}) {
    for (const bool trust : {false, true}) {
      const Lines lines;
      EXPECT_EQ(Bundle::open({.path = name, .trust_foreign_file = trust, .report = lines.report()}), nullptr);
      ASSERT_EQ(lines.lines->size(), 1U);
      EXPECT_NE(lines.lines->front().find("check the path"), std::string::npos) << lines.lines->front();
    }
  }
}

TEST_F(BundleTrust, WhatTheWriterMakesIsTrustedWhateverTheUmask) {
  const mode_t before = ::umask(0);
  writer_of(2).write(folder / "sub/open");
  ::umask(before);
  EXPECT_TRUE(Bundle::open({.path = folder / "sub/open"}));
}

}  // namespace
}  // namespace unstride::cache
