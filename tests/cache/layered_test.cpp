// The modes: what each looks up, builds and writes, with the entry in the folder, in a bundle, or nowhere.
#include "cache/layered_cache.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

class Layered : public ::testing::Test {
 protected:
  void SetUp() override {
    BundleWriter writer;
    writer.add(key_number(2), entry_number(2));
    writer.write(bundle);
    Store::open({.root = root})->publish(key_number(1), entry_number(1));
  }

  LayeredCache open(CacheMode mode) {
    return LayeredCache({.mode = mode, .root = root, .bundles = {bundle}, .report = reports.report()});
  }

  struct Outcome {
    bool hit, built, written;
    friend bool operator==(const Outcome&, const Outcome&) = default;
  };
  // Asks for an entry; whatever the way, it must be right.
  Outcome get(CacheMode mode, int number) {
    LayeredCache cache = open(mode);
    const std::string path = path_of(root, key_number(number));
    const bool was_there = exists(path);
    const auto inode = was_there ? status_of(path).st_ino : 0;
    bool built = false;
    const auto result = cache.get(key_number(number), [&] {
      built = true;
      return entry_number(number);
    });
    EXPECT_TRUE(is_entry_number(number, *result.entry));
    const bool is_there = exists(path);
    return {result.hit, built, is_there && (!was_there || status_of(path).st_ino != inode)};
  }

  TempFolder folder;
  Reports reports;
  const std::string root = folder / "root", bundle = folder / "kernels.bundle";
  static constexpr int in_folder = 1, in_bundle = 2, nowhere = 3;
};

constexpr auto hit = true, built = true, written = true;

TEST_F(Layered, ModeReadWriteBuildsAndKeepsWhatIsMissing) {
  EXPECT_EQ(get(CacheMode::read_write, in_folder), (Outcome{hit, !built, !written}));
  EXPECT_EQ(get(CacheMode::read_write, in_bundle), (Outcome{hit, !built, !written}));
  EXPECT_EQ(get(CacheMode::read_write, nowhere), (Outcome{!hit, built, written}));
  EXPECT_EQ(get(CacheMode::read_write, nowhere), (Outcome{hit, !built, !written}));
}

TEST_F(Layered, ModeReadOnlyBuildsWhatIsMissingAndKeepsNothing) {
  EXPECT_EQ(get(CacheMode::read_only, in_folder), (Outcome{hit, !built, !written}));
  EXPECT_EQ(get(CacheMode::read_only, in_bundle), (Outcome{hit, !built, !written}));
  EXPECT_EQ(get(CacheMode::read_only, nowhere), (Outcome{!hit, built, !written}));
}

TEST_F(Layered, ModeOffBuildsEverythingAndTouchesNothing) {
  for (const int number : {in_folder, in_bundle, nowhere})
    EXPECT_EQ(get(CacheMode::off, number), (Outcome{!hit, built, !written}));
  LayeredCache cache({.mode = CacheMode::off, .root = folder / "never"});
  cache.get(key_number(1), [] { return entry_number(1); });
  EXPECT_FALSE(exists(folder / "never"));
}

TEST_F(Layered, ModeRefreshBuildsEverythingAndReplaces) {
  for (const int number : {in_folder, in_bundle, nowhere})
    EXPECT_EQ(get(CacheMode::refresh, number), (Outcome{!hit, built, written}));
}

TEST_F(Layered, ModeRequireNeverBuilds) {
  EXPECT_EQ(get(CacheMode::require, in_folder), (Outcome{hit, !built, !written}));
  EXPECT_EQ(get(CacheMode::require, in_bundle), (Outcome{hit, !built, !written}));
  EXPECT_THROW(get(CacheMode::require, nowhere), CacheMissError);
}

TEST_F(Layered, ModeVerifyBuildsEverythingAndFailsWhereTheBytesDiffer) {
  for (const int number : {in_folder, in_bundle, nowhere})
    EXPECT_EQ(get(CacheMode::verify, number), (Outcome{!hit, built, !written}));
  LayeredCache cache = open(CacheMode::verify);
  for (const int number : {in_folder, in_bundle})
    EXPECT_THROW(cache.get(key_number(number), [] { return entry_number(7); }), CompileError) << number;
}

TEST_F(Layered, AFailureToBuildIsNotKept) {
  for (const CacheMode mode : {CacheMode::read_write, CacheMode::refresh, CacheMode::off}) {
    LayeredCache cache = open(mode);
    EXPECT_THROW(cache.get(key_number(nowhere), []() -> Entry { throw std::runtime_error("no"); }), std::runtime_error);
    EXPECT_FALSE(exists(path_of(root, key_number(nowhere))));
  }
}

TEST_F(Layered, TheFolderComesBeforeTheBundle) {
  Store::open({.root = root})->publish(key_number(in_bundle), entry_number(in_bundle));
  EXPECT_EQ(open(CacheMode::read_write).find(key_number(in_bundle)).where, root);
  std::filesystem::remove(path_of(root, key_number(in_bundle)));
  EXPECT_EQ(open(CacheMode::read_write).find(key_number(in_bundle)).where, bundle);
}

TEST_F(Layered, ADamagedEntryOfTheFolderIsServedByTheBundle) {
  write_entry_file(root, key_number(in_bundle), "damaged");
  EXPECT_EQ(get(CacheMode::require, in_bundle), (Outcome{hit, !built, !written}));
  EXPECT_TRUE(reports.one_with("cut short"));
}

TEST_F(Layered, AnAbsentFolderIsNoNewsToAModeThatDoesNotWrite) {
  for (const CacheMode mode : {CacheMode::require, CacheMode::read_only}) {
    LayeredCache cache({.mode = mode, .root = folder / "absent", .bundles = {bundle}, .report = reports.report()});
    EXPECT_TRUE(cache.find(key_number(in_bundle)).entry);
  }
  EXPECT_TRUE(reports.lines().empty());
  EXPECT_FALSE(exists(folder / "absent"));
}

}  // namespace
}  // namespace unstride::cache::testing
