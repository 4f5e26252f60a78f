// What is written is read, and nothing else is found.
#include "bundle_testing.h"

namespace unstride::cache {
namespace {

TEST(Bundle, GivesBackEveryEntry) {
  const TestFolder folder;
  writer_of(7).write(folder / "b");
  const Lines lines;
  const auto bundle = Bundle::open({.path = folder / "b", .report = lines.report()});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->entries(), 7);
  EXPECT_EQ(bundle->path(), folder / "b");
  for (int i = 0; i < 7; ++i) EXPECT_TRUE(has(*bundle, i)) << i;
  EXPECT_TRUE(lines.lines->empty());
}

TEST(Bundle, AnAbsentKeyIsAMissThatNobodyHearsOf) {
  const TestFolder folder;
  writer_of(7).write(folder / "b");
  const Lines lines;
  const auto bundle = Bundle::open({.path = folder / "b", .report = lines.report()});
  ASSERT_TRUE(bundle);
  for (int i = 7; i < 200; ++i) EXPECT_FALSE(bundle->find(key_of(i)));
  EXPECT_TRUE(lines.lines->empty());
}

TEST(Bundle, MayBeEmpty) {
  const TestFolder folder;
  BundleWriter().write(folder / "b");
  EXPECT_EQ(std::filesystem::file_size(folder / "b"), 160U);
  const auto bundle = Bundle::open({.path = folder / "b"});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->entries(), 0);
  EXPECT_FALSE(bundle->find(key_of(0)));
  EXPECT_TRUE(bundle->list().empty());
}

TEST(Bundle, KeepsEmptyAndBinaryPayloads) {
  const TestFolder folder;
  const std::string binary("\0\xff\n{\"\r", 6);
  BundleWriter writer;
  writer.add(key_of(0), {{}, ""});
  writer.add(key_of(1), {{}, binary});
  writer.write(folder / "b");
  const auto bundle = Bundle::open({.path = folder / "b"});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(bundle->find(key_of(0))->payload, "");
  EXPECT_EQ(bundle->find(key_of(1))->payload, binary);
}

TEST(Bundle, HoldsEntriesAsTheStoreDoesAlignedTo64) {
  const TestFolder folder;
  writer_of(5, 77).write(folder / "b");
  const std::string bytes = read_file(folder / "b");
  for (int i = 0; i < 5; ++i) {
    const std::size_t at = bytes.find(encode(key_of(i), entry_of(i, 77)));
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(at % 64, 0U);
  }
}

TEST(Bundle, ListsHeadersInTheOrderOfTheIndex) {
  const TestFolder folder;
  writer_of(4).write(folder / "b");
  const auto bundle = Bundle::open({.path = folder / "b"});
  ASSERT_TRUE(bundle);
  std::map<Digest, int> expected;
  for (int i = 0; i < 4; ++i) expected[key_of(i).digest()] = i;
  const std::vector<Header> headers = bundle->list();
  ASSERT_EQ(headers.size(), 4U);
  auto header = headers.begin();
  for (const auto& [digest, i] : expected) {
    EXPECT_EQ(header->key_fields, key_of(i).fields());
    EXPECT_EQ(header->notes, entry_of(i).notes);
    EXPECT_EQ(header->payload_size, static_cast<std::int64_t>(entry_of(i).payload.size()));
    EXPECT_EQ(header->payload_digest, sha256(entry_of(i).payload));
    ++header;
  }
}

TEST(Bundle, OpensByARelativePath) {
  const TestFolder folder;
  writer_of(1).write(folder / "b");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const auto plain = Bundle::open({.path = "b"});
  const auto dotted = Bundle::open({.path = "./../" + folder.path().filename().string() + "//b"});
  BundleWriter().write("written");
  std::filesystem::current_path(before);
  ASSERT_TRUE(plain && dotted);
  EXPECT_TRUE(has(*plain, 0) && has(*dotted, 0));
  EXPECT_TRUE(std::filesystem::exists(folder / "written"));
}

TEST(Bundle, AMissingFileIsReportedWithItsPath) {
  const TestFolder folder;
  expect_refused({.path = folder / "b"}, "No such file", "check the path");
  expect_refused({.path = folder / "no/such/b"}, "No such file", "check the path");
  EXPECT_EQ(Bundle::open({.path = folder / "b", .report = {}}), nullptr);
  EXPECT_EQ(Bundle::open({.path = "", .report = {}}), nullptr);
}

}  // namespace
}  // namespace unstride::cache
