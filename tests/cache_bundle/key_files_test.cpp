// Key pairs in files: private, never overwritten, and refused in plain words.
#include <sys/stat.h>

#include "bundle_testing.h"
#include "cache/bundle_signing.h"
#include "unstride/error.hpp"

namespace unstride::cache {
namespace {

void expect_error(const std::function<void()>& call, const std::string& path, const std::string& reason) {
  try {
    call();
    ADD_FAILURE() << "accepted; should fail: " << reason;
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(path), std::string::npos) << what;
    EXPECT_NE(what.find(reason), std::string::npos) << what;
    EXPECT_EQ(what.find("9d61b19d"), std::string::npos) << "it tells the secret";
  }
}

mode_t mode_of(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

const std::string secret_line =
    "unstride-secret-key 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

void write_secret(const std::string& path, const std::string& text) {
  write_file(path, text);
  std::filesystem::permissions(path, std::filesystem::perms(0600));
}

TEST(BundleKeys, AGeneratedPairSignsAndVerifies) {
  const TestFolder folder;
  const mode_t before = ::umask(0);
  generate_key_pair(folder / "secret", folder / "public");
  generate_key_pair(folder / "secret2", folder / "public2");
  ::umask(before);
  EXPECT_EQ(mode_of(folder / "secret"), 0600U);
  EXPECT_EQ(mode_of(folder / "public"), 0644U);
  EXPECT_NE(read_secret_key(folder / "secret"), read_secret_key(folder / "secret2"));

  writer_of(2).write(folder / "b", read_secret_key(folder / "secret"));
  EXPECT_TRUE(Bundle::open({.path = folder / "b", .trusted_keys = {read_public_key(folder / "public")}}));
  EXPECT_FALSE(Bundle::open({.path = folder / "b", .trusted_keys = {read_public_key(folder / "public2")}}));
}

TEST(BundleKeys, AreReadAsTheyAreDocumented) {
  const TestFolder folder;
  write_secret(folder / "secret", secret_line + "\n");
  EXPECT_EQ(read_secret_key(folder / "secret"), secret_key);
  write_secret(folder / "secret", secret_line + "\r\n");
  EXPECT_EQ(read_secret_key(folder / "secret"), secret_key);
  write_file(folder / "public", "unstride-public-key d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(read_public_key(folder / "public"), public_key);
}

TEST(BundleKeys, AreNeverOverwrittenAndAHalfPairIsNotLeft) {
  const TestFolder folder;
  write_file(folder / "old", "old");
  expect_error([&] { generate_key_pair(folder / "old", folder / "public"); }, folder / "old", "exists already");
  expect_error([&] { generate_key_pair(folder / "secret", folder / "old"); }, folder / "old", "exists already");
  expect_error([&] { generate_key_pair(folder / "secret", folder / "no/public"); }, "no/public", "No such file");
  expect_error([&] { generate_key_pair(folder / "same", folder / "same"); }, folder / "same", "exists already");
  EXPECT_EQ(read_file(folder / "old"), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"old"});
}

TEST(BundleKeys, ASecretThatOthersCanReadIsRefused) {
  const TestFolder folder;
  write_secret(folder / "secret", secret_line);
  for (const int mode : {0640, 0604, 0660, 0666}) {
    std::filesystem::permissions(folder / "secret", std::filesystem::perms(mode));
    expect_error([&] { read_secret_key(folder / "secret"); }, folder / "secret", "chmod 600");
  }
}

TEST(BundleKeys, EveryOtherTextIsRefused) {
  const TestFolder folder;
  const std::string path = folder / "secret";
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("unstride-secret-key "), secret_line.substr(0, 147),
        secret_line + "0", secret_line + " comment", secret_line + "\n" + secret_line, std::string(100'000, 'a'),
        "unstride-public-key" + secret_line.substr(19), secret_line.substr(0, 147) + "g"}) {
    write_secret(path, text);
    expect_error([&] { read_secret_key(path); }, path, "one line");
  }
  std::string damaged = secret_line;
  damaged[30] = damaged[30] == '0' ? '1' : '0';
  write_secret(path, damaged);
  expect_error([&] { read_secret_key(path); }, path, "damaged");
  write_secret(path, secret_line);
  expect_error([&] { read_public_key(path); }, path, "unstride-public-key");
}

TEST(BundleKeys, WhatIsNoFileIsRefused) {
  const TestFolder folder;
  expect_error([&] { read_public_key(folder / "none"); }, folder / "none", "No such file");
  expect_error([&] { read_public_key(folder.path()); }, folder.path(), "regular file");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  expect_error([&] { read_secret_key(folder / "pipe"); }, folder / "pipe", "regular file");
}

}  // namespace
}  // namespace unstride::cache
