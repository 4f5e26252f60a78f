// A change of the layout without a new version fails here.
#include "golden_bundles.h"

namespace unstride::cache {
namespace {

TEST(BundleGolden, IsWrittenByteForByte) {
  const TestFolder folder;
  for (const GoldenBundle& golden : golden_bundles) {
    writer_of(golden.entries, golden.payload_bytes).write(folder / golden.name, golden.secret_key);
    EXPECT_EQ(to_hex(sha256(read_file(folder / golden.name))),
              to_hex(sha256(read_file(std::string(GOLDEN_FOLDER) + '/' + golden.name))))
        << golden.name << ": a changed layout needs a new bundle_format_version (or, if the entries in it changed, a "
        << "new format_version), and new golden files: unstride_make_golden_bundles";
  }
}

TEST(BundleGolden, IsRead) {
  for (const GoldenBundle& golden : golden_bundles) {
    // A checkout may belong to anyone.
    const auto bundle =
        Bundle::open({.path = std::string(GOLDEN_FOLDER) + '/' + golden.name,
                      .trusted_keys = std::vector<std::string>(golden.secret_key.empty() ? 0 : 1, public_key),
                      .trust_foreign_file = true});
    ASSERT_TRUE(bundle) << golden.name;
    EXPECT_EQ(bundle->entries(), golden.entries);
    for (int i = 0; i < golden.entries; ++i) EXPECT_TRUE(has(*bundle, i, golden.payload_bytes)) << golden.name;
  }
}

}  // namespace
}  // namespace unstride::cache
