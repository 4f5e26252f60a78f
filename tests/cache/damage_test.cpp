// Damaged entry files: a miss, removed, said once, compiled again and right.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cache/file_io.h"
#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

class Damage : public ::testing::Test {
 protected:
  // Gives the file these bytes; the entry must be gone then, and be right once it has been made again.
  void expect_rebuilt(const std::string& bytes, const std::string& what) {
    write_file(path, bytes);
    EXPECT_FALSE(store->find(key)) << what;
    EXPECT_FALSE(exists(path)) << what;
    write_file(path, whole);  // what publish() would rename here, without its fsync
    const auto found = store->find(key);
    ASSERT_TRUE(found) << what;
    EXPECT_TRUE(is_entry_number(1, *found, 50)) << what;
    ++cases;
  }

  void SetUp() override {
    store = Store::open({.root = root, .report = reports.report()});
    ASSERT_TRUE(store->publish(key, entry_number(1, 50)));
    whole = read_file(path);
  }
  void TearDown() override { std::printf("%d damaged files\n", cases); }

  TempFolder folder;
  Reports reports;
  const std::string root = folder / "root";
  const Key key = key_number(1);
  const std::string path = path_of(root, key);
  std::unique_ptr<Store> store;
  std::string whole;
  int cases = 0;
};

TEST_F(Damage, EachByteFlippedIsAMissAndIsRebuilt) {
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      expect_rebuilt(bytes, "byte " + std::to_string(at));
    }
  EXPECT_TRUE(reports.one_with(path + ": "));  // once for each entry, not for each damage
}

TEST_F(Damage, CutAtEachLengthIsAMissAndIsRebuilt) {
  for (std::size_t length = 0; length < whole.size(); ++length)
    expect_rebuilt(whole.substr(0, length), "length " + std::to_string(length));
  expect_rebuilt(whole + "x", "one byte more");
  EXPECT_TRUE(reports.one_with("cut short: 0 bytes, an entry has at least 48; removed, it is compiled again"));
}

TEST_F(Damage, AnEntryUnderAnotherNameIsAMiss) {
  const Key other = key_number(2);
  write_entry_file(root, other, whole);
  EXPECT_FALSE(store->find(other));
  EXPECT_FALSE(exists(path_of(root, other)));
  EXPECT_TRUE(reports.one_with("holds another key"));
}

TEST_F(Damage, AnEntryOfAnotherVersionIsAMissAndIsReplaced) {
  std::string bytes = whole;
  bytes[8] = 2;
  expect_rebuilt(bytes, "version 2");
  EXPECT_TRUE(reports.one_with("format version 2, this build reads 1"));
}

TEST_F(Damage, AHugeHoleIsNotReadIntoMemory) {
  // The sizes agree with the file, so only the checksum can tell; and above a limit nothing is read at all.
  for (const std::int64_t size : {std::int64_t{1} << 20, std::int64_t{1} << 40}) {
    write_file(path, whole);
    ASSERT_EQ(::truncate(path.c_str(), size), 0);
    EXPECT_FALSE(store->find(key));
  }
  write_file(path, "");
  ASSERT_EQ(::truncate(path.c_str(), std::int64_t{1} << 29), 0);
  EXPECT_FALSE(store->find(key));
}

TEST_F(Damage, OnlyTheVeryFileThatWasSeenIsRemoved) {
  // While a reader looks at a damaged file, another process may have put a good one in its place.
  const Fd seen = open_at(AT_FDCWD, path.c_str(), O_RDONLY);
  const struct stat status = status_of(path);
  ASSERT_TRUE(store->publish(key, entry_number(1, 50)));
  EXPECT_FALSE(unlink_same(AT_FDCWD, path.c_str(), status));
  EXPECT_TRUE(store->find(key));
  EXPECT_TRUE(unlink_same(AT_FDCWD, path.c_str(), status_of(path)));
  EXPECT_FALSE(exists(path));
}

TEST_F(Damage, AReadOnlyStoreLeavesTheFileAlone) {
  write_file(path, whole.substr(1));
  Reports others;
  const auto reader = Store::open({.root = root, .writable = false, .report = others.report()});
  EXPECT_FALSE(reader->find(key));
  EXPECT_FALSE(reader->find(key));
  EXPECT_EQ(reader->fsck(true).removed, 0);
  EXPECT_TRUE(exists(path));
  EXPECT_TRUE(others.one_with("; ignored"));
}

TEST_F(Damage, FsckNamesWhatIsCorruptAndRemovesIt) {
  for (int n = 2; n < 6; ++n) ASSERT_TRUE(store->publish(key_number(n), entry_number(n)));
  write_file(path, whole.substr(0, whole.size() - 1) + '\0');
  write_entry_file(root, key_number(6), whole);
  FsckReport result = store->fsck(false);
  EXPECT_EQ(result.checked, 6);
  EXPECT_EQ(result.corrupt.size(), 2u);
  EXPECT_EQ(result.removed, 0);
  result = store->fsck(true);
  EXPECT_EQ(result.corrupt.size(), 2u);
  EXPECT_EQ(result.removed, 2);
  result = store->fsck(true);
  EXPECT_EQ(result.checked, 4);
  EXPECT_TRUE(result.corrupt.empty());
}

}  // namespace
}  // namespace unstride::cache::testing
