// The bytes on disk are a contract: these files were written once, and must be written and read alike for as long as
// format_version stands. Whoever changes the layout raises format_version and adds a folder of new files.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cache/entry.h"
#include "tests/cache/cache_testing.h"

namespace unstride::cache::testing {
namespace {

struct Golden {
  std::string name;
  std::string hex;
  Key key;
  Entry entry;
};

std::vector<Golden> goldens() {
  return {
      {"smallest",
       "0bf8b78925348235f7b85b1d07459c2635a35accc4e030e4f55daa5001095b4f",
       Key(std::vector<Field>{{"a", ""}}),
       {}},
      {"kernel",
       "87435988935fb3115afcadfad043e0454b31580cb957b64eb6001887215fa2eb",
       Key({{"format", "1"},
            {"spec", R"({"channels":64,"kernel_size":16,"stride":8})"},
            {"triple", "x86_64-unknown-linux-gnu"},
            {"features", "+avx2,+fma"},
            {"output", "object"}}),
       {{{"compile_ms", "55.3"}, {"registers", "16"}},
        "\x7f"
        "ELF and so on"}},
      {"bytes",
       "8e1b91a946c1194383b737eac8f8ee969edb47afe4ab21f119224fca1ab382a2",
       Key({{"not UTF-8", "\xff\xfe"}, {"zero", std::string("\0", 1)}, {"UTF-8", "Grüße"}, {"\xc0", "in a label"}}),
       {{{"", "\x80"}}, std::string("\0\r\n\x1a", 4)}},
  };
}

std::string path_of_golden(const Golden& golden) {
  return std::string(CACHE_GOLDEN) + "/v" + std::to_string(format_version) + "/" + golden.name + ".usk";
}

TEST(CacheGolden, EntriesAreWrittenByteForByteAsEver) {
  for (const Golden& golden : goldens()) {
    const std::string bytes = encode(golden.key, golden.entry), path = path_of_golden(golden);
    if (bytes == read_file(path)) continue;
    const std::string written = (std::filesystem::temp_directory_path() / (golden.name + ".usk")).string();
    write_file(written, bytes);
    ADD_FAILURE() << path << " differs from what this build writes, " << written
                  << ": raise format_version when the layout has to change";
  }
}

TEST(CacheGolden, EntriesOfEarlierBuildsAreRead) {
  for (const Golden& golden : goldens()) {
    EXPECT_EQ(golden.key.hex(), golden.hex) << golden.name;
    const Entry entry = decode_for(golden.key, read_file(path_of_golden(golden)));
    EXPECT_EQ(entry.notes, golden.entry.notes);
    EXPECT_EQ(entry.payload, golden.entry.payload);
  }
}

}  // namespace
}  // namespace unstride::cache::testing
