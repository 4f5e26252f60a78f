#include "runtime/cuda/compile_log.h"

#include <gtest/gtest.h>

#include <array>

namespace unstride::cuda {
namespace {

TEST(CompileLog, LinesThatItNamesFollowItNumberedWithTheirNeighbours) {
  const std::array files = {NamedText{"a.h", "one\ntwo\nthree\nfour\nfive\nsix\n"}};
  EXPECT_EQ(with_source_lines("a.h(3): error: no\n", files),
            "a.h(3): error: no\n"
            "a.h:\n"
            "      1 | one\n"
            "      2 | two\n"
            ">     3 | three\n"
            "      4 | four\n"
            "      5 | five\n");
}

TEST(CompileLog, ALineIsShownOnceAndNoMoreThanAsked) {
  const std::array files = {NamedText{"a.h", "one\ntwo\n"}};
  const std::string text = with_source_lines("a.h(1): error\na.h(1): note\na.h(2): error\n", files, 1);
  EXPECT_EQ(text.find("> "), text.rfind("> "));
}

TEST(CompileLog, LinesOfOtherFilesAndBeyondTheEndAreLeftAlone) {
  const std::array files = {NamedText{"a.h", "one\n"}};
  EXPECT_EQ(with_source_lines("b.h(1): error", files), "b.h(1): error\n");
  EXPECT_EQ(with_source_lines("a.h(99999999999999999999): error\na.h(x): y\n", files),
            "a.h(99999999999999999999): error\na.h(x): y\n");
  EXPECT_EQ(with_source_lines("a.h(9): error\n", files), "a.h(9): error\na.h:\n");
}

}  // namespace
}  // namespace unstride::cuda
