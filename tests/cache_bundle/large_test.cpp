// 1,000 kernels of 20 kB: how long opening and finding take. Printed; the bounds only catch a change of the order.
#include <chrono>
#include <cstdio>

#include "bundle_testing.h"

namespace unstride::cache {
namespace {

double microseconds(const std::function<void()>& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

TEST(BundleLarge, OpensAndFindsFast) {
  constexpr int count = 1000;
  constexpr std::size_t payload_bytes = 20'000;
  const TestFolder folder;
  const BundleWriter writer = writer_of(count, payload_bytes);
  const double write = microseconds([&] { writer.write(folder / "b"); });
  std::unique_ptr<Bundle> bundle;
  const double open = microseconds([&] { bundle = Bundle::open({.path = folder / "b"}); });
  ASSERT_TRUE(bundle);
  int found = 0, absent = 0;
  std::vector<Key> keys, others;
  for (int i = 0; i < count; ++i) keys.push_back(key_of(i)), others.push_back(key_of(count + i));
  const double find = microseconds([&] {
    for (const Key& key : keys) found += bundle->find(key).has_value() ? 1 : 0;
  });
  const double miss = microseconds([&] {
    for (const Key& key : others) absent += bundle->find(key).has_value() ? 0 : 1;
  });
  const double list = microseconds([&] { EXPECT_EQ(bundle->list().size(), count); });
  EXPECT_EQ(found, count);
  EXPECT_EQ(absent, count);
  for (int i = 0; i < count; i += 97) EXPECT_TRUE(has(*bundle, i, payload_bytes));
  std::printf("%d entries of %zu bytes: write %.0f us, open %.0f us, find %.1f us, miss %.2f us, list %.0f us\n", count,
              payload_bytes, write, open, find / count, miss / count, list);
  EXPECT_LT(open, 1e6);
  EXPECT_LT(find / count, 1e4);
}

}  // namespace
}  // namespace unstride::cache
