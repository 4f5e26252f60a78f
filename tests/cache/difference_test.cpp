// Why was it a miss? The nearest entry, and each field in which it differs.
#include "cache/difference.h"

#include <gtest/gtest.h>

#include "cache/layered_cache.h"
#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

using Fields = std::vector<Field>;

Fields kernel(const std::string& spec, const std::string& target = "v4") {
  return {{"kind", "kernel"}, {"spec", spec}, {"target", target}};
}

// "label=wanted/found label=wanted/found"
std::string shown(const Fields& wanted, const Fields& found) {
  std::string text;
  for (const Difference& difference : differences(wanted, found))
    text += (text.empty() ? "" : " ") + difference.label + "=" + difference.wanted + "/" + difference.found;
  return text;
}

TEST(Difference, NamesEachFieldWithBothValues) {
  EXPECT_EQ(shown(kernel("a"), kernel("a")), "");
  EXPECT_EQ(shown(kernel("a", "v4"), kernel("b", "v3")), "spec=a/b target=v4/v3");
}

TEST(Difference, OfTwoObjectsNamesTheMembers) {
  EXPECT_EQ(shown(kernel(R"({"stride":2,"groups":1})"), kernel(R"({"stride":4,"groups":1})")), "spec.stride=2/4");
  EXPECT_EQ(shown(kernel(R"({"a":{"op":"x"},"b":1})"), kernel(R"({"a":{"op":"y"},"c":[2]})")),
            R"(spec.a={"op":"x"}/{"op":"y"} spec.b=1/ spec.c=/[2])");
  EXPECT_EQ(shown(kernel(R"({"a":1})"), kernel("7")), R"(spec={"a":1}/7)");
  EXPECT_EQ(shown(kernel("not { json"), kernel("7")), "spec=not { json/7");
}

TEST(Difference, NeverHidesThatTextsDiffer) {
  EXPECT_EQ(shown(kernel(R"({"a":1, "b":2})"), kernel(R"({"b":2,"a":1})")), R"(spec={"a":1, "b":2}/{"b":2,"a":1})");
}

TEST(Difference, FieldsThatOneOfThemLacksDiffer) {
  EXPECT_EQ(shown({{"kind", "k"}, {"a", "1"}}, {{"kind", "k"}, {"b", "2"}}), "a=1/ b=/2");
}

TEST(Difference, ShowsOfLongValuesThePartsThatDiffer) {
  const std::string many = std::string(200, 'x') + " +avx2,";
  EXPECT_EQ(to_string({"target", many + "+fma", many + "+bmi2"}), "target: wanted ... +fma ..., found ... +bmi2 ...");
}

TEST(Difference, ShowsOfLongWordsWhereTheyBeginToDiffer) {
  const std::string before(150, 'a'), after(150, 'b');
  const std::string text = to_string({"plan", before + "WANTED" + after, before + "FOUND" + after});
  EXPECT_NE(text.find("aaaaWANTEDbbbb"), std::string::npos) << text;
  EXPECT_NE(text.find("aaaaFOUNDbbbb"), std::string::npos) << text;
  EXPECT_LT(text.size(), 300U);
  // One is where the other begins.
  const std::string longer = to_string({"plan", before + "MORE", before});
  EXPECT_NE(longer.find("aaaaMORE"), std::string::npos) << longer;
}

TEST(Difference, SaysNothingForWhatIsNotThere) {
  EXPECT_EQ(to_string({"spec.bias", "false", ""}), "spec.bias: wanted false, found nothing");
}

class NearestEntry : public ::testing::Test {
 protected:
  NearestEntry() : cache({.root = folder / "root", .report = [](const std::string&) {}}) {
    keep({{"kind", "plan"}, {"spec", spec(1, 2)}, {"target", "v4"}});  // equal but for its kind: no kernel
    for (int channels = 10; channels < 30; ++channels) keep(kernel(spec(channels, channels + 1)));
    keep(kernel(spec(1, 4), "v4"));
  }

  static std::string spec(int channels, int stride) {
    return R"({"channels":)" + std::to_string(channels) + R"(,"stride":)" + std::to_string(stride) + "}";
  }
  void keep(Fields fields) { ASSERT_TRUE(cache.store()->publish(Key(std::move(fields)), entry_number(1))); }

  TempFolder folder;
  LayeredCache cache;
};

TEST_F(NearestEntry, IsTheOneWithTheFewestDifferentFieldsOfTheSameKind) {
  const auto nearest = cache.nearest(Key(kernel(spec(1, 2))));
  ASSERT_TRUE(nearest);
  EXPECT_EQ(nearest->hex, Key(kernel(spec(1, 4))).hex());
  ASSERT_EQ(nearest->differences.size(), 1U);
  EXPECT_EQ(to_string(nearest->differences[0]), "spec.stride: wanted 2, found 4");
}

TEST_F(NearestEntry, IsNamedByTheErrorOfModeRequire) {
  LayeredCache strict({.mode = CacheMode::require, .root = folder / "root"});
  try {
    strict.get(Key(kernel(spec(1, 2), "v3")), [] { return Entry{}; });
    FAIL() << "no error";
  } catch (const CacheMissError& error) {
    EXPECT_NE(std::string(error.what())
                  .find("the nearest, in " + (folder / "root") +
                        ", differs in spec.stride: wanted 2, found 4; target: wanted v3, found v4"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(NearestEntry, IsNoneWhereNothingIsOfThatKind) {
  const Key key({{"kind", "song"}, {"spec", spec(1, 4)}, {"target", "v4"}});
  EXPECT_FALSE(cache.nearest(key));
  EXPECT_NE(describe_miss(key, cache.nearest(key)).find("none like it"), std::string::npos);
}

}  // namespace
}  // namespace unstride::cache::testing
