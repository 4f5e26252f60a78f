// Things planted at the names that the cache uses: nothing outside the root is read, written or removed.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "cache/single_flight.h"
#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

namespace fs = std::filesystem;

class Planted : public ::testing::Test {
 protected:
  void SetUp() override {
    // A good entry, outside.
    ASSERT_TRUE(Store::open({.root = outside})->publish(key, entry_number(1)));
    before = snapshot();
    ASSERT_TRUE(store = Store::open({.root = root, .report = reports.report()}));
  }
  void TearDown() override { EXPECT_EQ(snapshot(), before); }

  std::vector<std::string> snapshot() const {
    std::vector<std::string> all;
    for (const auto& item : fs::recursive_directory_iterator(outside))
      all.push_back(item.path().string() + (item.is_regular_file() ? read_file(item.path()) : ""));
    std::sort(all.begin(), all.end());
    return all;
  }

  TempFolder folder;
  Reports reports;
  const std::string outside = folder / "outside", root = folder / "root";
  const Key key = key_number(1);
  const std::string path = path_of(root, key), shard = fs::path(path).parent_path();
  std::vector<std::string> before;
  std::unique_ptr<Store> store;
};

TEST_F(Planted, ASymbolicLinkAsAnEntryIsAMissAndIsReplaced) {
  fs::create_directories(shard);
  ::chmod((root + "/v1").c_str(), 0700);
  ::chmod(shard.c_str(), 0700);
  for (const std::string& target : {path_of(outside, key), std::string("/dev/zero"), std::string("nowhere")}) {
    fs::create_symlink(target, path);
    EXPECT_FALSE(store->find(key));
    EXPECT_FALSE(exists(path));
    fs::create_symlink(target, path);
    EXPECT_TRUE(store->publish(key, entry_number(1)));
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(path)));
    EXPECT_TRUE(store->find(key));
    fs::remove(path);
  }
  EXPECT_TRUE(reports.one_with("not a plain file; removed"));
}

TEST_F(Planted, APipeOrASocketAsAnEntryHangsNobody) {
  write_entry_file(root, key, "");
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(store->find(key));
  EXPECT_FALSE(exists(path));
  EXPECT_TRUE(reports.one_with("not a plain file; removed"));
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  const std::string short_path = folder / "s";
  std::strncpy(address.sun_path, short_path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const struct sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  fs::rename(short_path, path);
  EXPECT_FALSE(store->find(key));
  EXPECT_FALSE(exists(path));
}

TEST_F(Planted, AFolderAsAnEntryIsAMiss) {
  fs::create_directories(path);
  ::chmod((root + "/v1").c_str(), 0700);
  ::chmod(shard.c_str(), 0700);
  EXPECT_FALSE(store->find(key));
  EXPECT_FALSE(store->publish(key, entry_number(1)));
  EXPECT_EQ(reports.lines().size(), 2u);
  EXPECT_TRUE(store->writable());
  EXPECT_TRUE(store->publish(key_number(2), entry_number(2)));
  EXPECT_EQ(store->stats().temp_files, 0);
}

TEST_F(Planted, ASymbolicLinkAsAFolderInsideIsNotFollowed) {
  const std::string outside_shard = fs::path(path_of(outside, key)).parent_path();
  struct Case {
    std::string at, to;
    bool misses;
  };
  for (const Case& c : {Case{root + "/v1", outside + "/v1", true}, Case{shard, outside_shard, true},
                        Case{root + "/tmp", outside + "/tmp", false}}) {
    fs::remove_all(root);
    ASSERT_TRUE(Store::open({.root = root})->publish(key, entry_number(1)));
    fs::remove_all(c.at);
    fs::create_directory_symlink(c.to, c.at);
    Reports said;
    const auto planted = Store::open({.root = root, .report = said.report()});
    EXPECT_EQ(planted->find(key).has_value(), !c.misses) << c.at;
    EXPECT_FALSE(planted->publish(key, entry_number(2)));
    EXPECT_EQ(planted->clear(), c.misses ? 0 : 1);
    EXPECT_EQ(planted->fsck(true).checked, 0);
    EXPECT_TRUE(fs::is_symlink(fs::symlink_status(c.at)));
    for (const std::string& line : said.lines())
      EXPECT_NE(line.find("is not a folder: remove it"), std::string::npos) << line;
    EXPECT_FALSE(said.lines().empty());
  }
}

TEST_F(Planted, ASymbolicLinkAsALockFileIsNotFollowed) {
  const std::string locks = lock_folder("", root);
  ASSERT_EQ(locks, root + "/lock");
  for (const std::string& target : {path_of(outside, key), outside + "/new"}) {
    fs::create_symlink(target, locks + "/locks");
    Reports said;
    EXPECT_FALSE(KeyLock::acquire(locks, key, std::chrono::seconds(5), said.report())->held());
    EXPECT_TRUE(said.one_with("no lock, so processes may compile the same kernel at once"));
    fs::remove(locks + "/locks");
  }
  fs::remove_all(locks);
  fs::create_directory_symlink(outside, locks);
  EXPECT_EQ(lock_folder("", root), "");
  EXPECT_FALSE(KeyLock::acquire(locks, key, std::chrono::seconds(5), {})->held());
}

}  // namespace
}  // namespace unstride::cache::testing
