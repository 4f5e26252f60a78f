// The kernel headers as the library carries them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "codegen/cuda/source.h"

namespace unstride::cuda {
namespace {

TEST(CudaHeaders, AreTheFilesOfTheRepository) {
  ASSERT_FALSE(headers().empty());
  for (const Header& header : headers()) {
    std::ifstream file(SOURCE_FOLDER "/" + std::string(header.name), std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), header.text) << header.name;
  }
}

TEST(CudaHeaders, IncludeNothingButEachOther) {
  const std::regex include(R"re(#\s*include\s*["<]([^">]*)[">])re");
  for (const Header& header : headers()) {
    const std::string text = header.text;
    for (std::sregex_iterator match(text.begin(), text.end(), include), end; match != end; ++match) {
      const std::string name = (*match)[1];
      EXPECT_TRUE(std::ranges::any_of(headers(), [&](const Header& h) { return h.name == name; }))
          << header.name << " includes " << name;
    }
  }
}

TEST(CudaHeaders, HaveADigest) {
  EXPECT_TRUE(std::regex_match(std::string(header_digest()), std::regex("[0-9a-f]{64}")));
}

}  // namespace
}  // namespace unstride::cuda
