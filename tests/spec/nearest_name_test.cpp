#include "support/nearest_name.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace unstride::support {
namespace {

constexpr std::array<std::string_view, 8> known = {"kernel_size",    "stride", "padding", "padding_mode",
                                                   "output_padding", "bias",   "op",      "groups"};

struct Case {
  std::string_view given;
  std::string_view nearest;  ///< empty: none is near
};

TEST(NearestName, FindsWhatWasMeant) {
  constexpr Case cases[] = {
      {"stride", "stride"},
      {"strid", "stride"},    // a letter left out
      {"sstride", "stride"},  // one too many
      {"stribe", "stride"},   // a wrong one
      {"sriide", "stride"},   // two edits of six letters
      {"bais", "bias"},       // neighbours swapped: one edit, where Levenshtein counts two
      {"po", "op"},           // the same in a name of two letters
      {"STRIDE", "stride"},   // case alone is no edit
      {"kernel-size", "kernel_size"},
      {"kernelSize", "kernel_size"},
      {"outputPadding", "output_padding"},
      {"kernel", "kernel_size"},  // a beginning, far away by edits
      {"pad", "padding"},         // the shortest name that begins so
      {"padding_m", "padding"},   // by edits first: two away, padding_mode three
      {"pading_mode", "padding_mode"},
  };
  for (const Case& c : cases) EXPECT_EQ(nearest_name(c.given, known).value_or(""), c.nearest) << c.given;
}

TEST(NearestName, FindsNothingFarAway) {
  for (const std::string_view given : {"", "k", "ke", "x", "foo bar", "momentum", "size", "sd"}) {
    EXPECT_EQ(nearest_name(given, known), std::nullopt) << given;
  }
  EXPECT_EQ(nearest_name(std::string(100'000, 's'), known), std::nullopt);
}

TEST(NearestName, OfEquallyNearNamesTheFirst) {
  constexpr std::array<std::string_view, 2> names = {"relu1", "relu2"};
  EXPECT_EQ(nearest_name("relu", names), "relu1");
}

TEST(NearestName, KnowsNoNamesAtAll) {
  EXPECT_EQ(nearest_name("stride", {}), std::nullopt);
}

}  // namespace
}  // namespace unstride::support
