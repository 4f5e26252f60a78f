// 10,000 entries. Times are printed; the bounds only catch what is out of all proportion (bench/ measures).
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/cache/cache_testing.h"

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

TEST(ManyEntries, LookUpIsAsBefore) {
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
  EXPECT_LT(in_many, 100 * in_few + 1000);
  for (const double time : {stats_time, nothing_time, prune_time, publish}) EXPECT_LT(time, 10);
}

}  // namespace
}  // namespace unstride::cache::testing
