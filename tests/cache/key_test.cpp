// Keys: equal exactly when all fields are.
#include "cache/key.h"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

using Fields = std::vector<Field>;

// As a CPU kernel has them.
const Fields base{{"format", "1"},
                  {"spec", R"({"stride":2,"kernel_size":16})"},
                  {"plan", "column_lanes 4x2"},
                  {"generator", "0123abcd"},
                  {"llvm", "19.1.7 build-id 99"},
                  {"triple", "x86_64-unknown-linux-gnu"},
                  {"features", "+avx512f,+fma"},
                  {"output", "object"}};

std::vector<Fields> variants() {
  std::vector<Fields> all;
  for (std::size_t i = 0; i < base.size(); ++i) {
    Fields v = base;
    v[i].value += " ";
    all.push_back(v);
    v = base;
    v[i].value[0] ^= 1;
    all.push_back(v);
    v = base;
    v[i].value = "";
    all.push_back(v);
    v = base;
    v[i].label += "x";
    all.push_back(v);
    v = base;
    v.erase(v.begin() + static_cast<std::ptrdiff_t>(i));
    all.push_back(v);
    if (i + 1 == base.size()) continue;
    v = base;
    std::swap(v[i], v[i + 1]);
    all.push_back(v);
    v = base;  // the same bytes in a row, divided otherwise
    v[i + 1].value.insert(v[i + 1].value.begin(), v[i].value.back());
    v[i].value.pop_back();
    all.push_back(v);
    v = base;
    v[i].label += v[i].value[0];
    v[i].value.erase(0, 1);
    all.push_back(v);
  }
  return all;
}

TEST(Key, EachFieldChangedAloneGivesAnotherKey) {
  std::set<std::string> seen{Key(base).hex()};
  for (const Fields& fields : variants()) {
    EXPECT_FALSE(Key(fields) == Key(base));
    EXPECT_TRUE(seen.insert(Key(fields).hex()).second);
  }
}

TEST(Key, EachFieldChangedAloneMisses) {
  const TempFolder folder;
  const auto store = Store::open({.root = folder / "root"});
  ASSERT_TRUE(store->publish(Key(base), entry_number(1)));
  for (const Fields& fields : variants()) EXPECT_FALSE(store->find(Key(fields)));
  EXPECT_TRUE(store->find(Key(base)));
}

TEST(Key, UnsetAndEmptyAreTwoThings) {
  EXPECT_FALSE(Key(Fields{{"a", "1"}}) == Key(Fields{{"a", "1"}, {"b", ""}}));
}

TEST(Key, TheDigestIsTheOneThatWasPublished) {
  // Changes only together with format_version: every entry that exists is lost.
  EXPECT_EQ(Key(base).hex(), "1e164b6f8ac90c7d3d0067512c3a6adac10dda687dfbc6f512328eadbe0c66d0");
}

TEST(Key, LabelsAreUniqueAndNotEmpty) {
  EXPECT_THROW(Key(Fields{{"a", "1"}, {"b", "2"}, {"a", "1"}}), std::invalid_argument);
  EXPECT_THROW(Key(Fields{{"", "1"}}), std::invalid_argument);
}

TEST(Key, Sha256IsSha256) {
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace unstride::cache::testing
