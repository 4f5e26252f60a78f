// Each bit flipped, each length cut: the bundle is refused, or the entry is missed, or it is right.
#include "bundle_testing.h"

namespace unstride::cache {
namespace {

constexpr int count = 3;
constexpr std::size_t checked_head = bundle_header_bytes + count * bundle_record_bytes + bundle_checksum_bytes;
constexpr std::size_t head = checked_head + bundle_signature_bytes;

int entries_found(const Bundle& bundle) {
  int found = 0;
  for (int i = 0; i < count; ++i) found += has(bundle, i) ? 1 : 0;
  return found;
}

/// Which bytes of the file belong to entries; the others, behind the head, are gaps.
std::vector<bool> entry_bytes(const std::string& bytes) {
  std::vector<bool> inside(bytes.size());
  for (int i = 0; i < count; ++i) {
    const std::string entry = encode(key_of(i), entry_of(i));
    const std::size_t at = bytes.find(entry);
    std::fill_n(inside.begin() + static_cast<std::ptrdiff_t>(at), entry.size(), true);
  }
  return inside;
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {}
  ~OpenFile() { ::close(fd_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  void put(std::size_t at, char byte) { ASSERT_EQ(::pwrite(fd_, &byte, 1, static_cast<off_t>(at)), 1); }
  void cut(std::size_t size) { ASSERT_EQ(::ftruncate(fd_, static_cast<off_t>(size)), 0); }

 private:
  int fd_;
};

TEST(BundleDamage, AFlippedBitIsNoticedWhereverItIs) {
  const TestFolder folder;
  writer_of(count).write(folder / "b");
  const std::string bytes = read_file(folder / "b");
  const std::vector<bool> in_entry = entry_bytes(bytes);
  OpenFile file(folder / "b");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      file.put(at, static_cast<char>(bytes[at] ^ 1 << bit));
      const Lines lines;
      const auto bundle = Bundle::open({.path = folder / "b", .report = lines.report()});
      ASSERT_EQ(bundle == nullptr, at < checked_head) << at;
      if (bundle) {
        ASSERT_EQ(entries_found(*bundle), in_entry[at] ? count - 1 : count) << at;
      }
      ASSERT_EQ(lines.lines->size(), bundle == nullptr || in_entry[at] ? 1U : 0U) << at;
    }
    file.put(at, bytes[at]);
  }
}

TEST(BundleDamage, ASignedHeadIsNotOpenedWithAFlippedBit) {
  const TestFolder folder;
  writer_of(count).write(folder / "b", secret_key);
  const std::string bytes = read_file(folder / "b");
  const std::vector<bool> in_entry = entry_bytes(bytes);
  OpenFile file(folder / "b");
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    file.put(at, static_cast<char>(bytes[at] ^ 1 << at % 8));
    const auto bundle = Bundle::open({.path = folder / "b", .trusted_keys = {public_key}});
    ASSERT_EQ(bundle == nullptr, at < head) << at;
    if (bundle) {
      ASSERT_EQ(entries_found(*bundle), in_entry[at] ? count - 1 : count) << at;
    }
    file.put(at, bytes[at]);
  }
}

TEST(BundleDamage, AFileOfAnyOtherLengthIsRefused) {
  const TestFolder folder;
  writer_of(count).write(folder / "b");
  const std::string bytes = read_file(folder / "b");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write_file(folder / "cut", bytes.substr(0, size));
    ASSERT_EQ(Bundle::open({.path = folder / "cut"}), nullptr) << size;
  }
  for (const std::size_t more : {1, 63, 64, 4096}) {
    write_file(folder / "grown", bytes + std::string(more, '\0'));
    ASSERT_EQ(Bundle::open({.path = folder / "grown"}), nullptr) << more;
  }
}

TEST(BundleDamage, AFileCutAtAnyLengthWhileOpenGivesMissesAndOneLine) {
  const TestFolder folder;
  writer_of(count).write(folder / "b");
  const std::string bytes = read_file(folder / "b");
  for (std::size_t size = 0; size < bytes.size(); size += 5) {
    write_file(folder / "b", bytes);
    const Lines lines;
    const auto bundle = Bundle::open({.path = folder / "b", .report = lines.report()});
    ASSERT_TRUE(bundle);
    OpenFile(folder / "b").cut(size);
    ASSERT_LT(entries_found(*bundle), count) << size;
    bundle->list();
    ASSERT_EQ(lines.lines->size(), 1U) << size;
    ASSERT_NE(lines.lines->front().find("cut while it was open"), std::string::npos) << lines.lines->front();
  }
}

TEST(BundleDamage, AnEntryChangedWhileOpenIsAMissAndLeftOutOfListings) {
  const TestFolder folder;
  writer_of(count).write(folder / "b");
  const std::string bytes = read_file(folder / "b");
  const Lines lines;
  const auto bundle = Bundle::open({.path = folder / "b", .report = lines.report()});
  ASSERT_TRUE(bundle);
  OpenFile(folder / "b").put(bytes.find(encode(key_of(1), entry_of(1))), 'x');
  EXPECT_FALSE(bundle->find(key_of(1)));
  EXPECT_FALSE(bundle->find(key_of(1)));
  EXPECT_EQ(entries_found(*bundle), count - 1);
  EXPECT_EQ(bundle->list().size(), 2U);
  ASSERT_EQ(lines.lines->size(), 1U);
  EXPECT_NE(lines.lines->front().find(key_of(1).hex()), std::string::npos) << lines.lines->front();
  EXPECT_NE(lines.lines->front().find("copy the bundle again"), std::string::npos) << lines.lines->front();
}

TEST(BundleDamage, FilesThatAreNoBundlesAreCalledSo) {
  const TestFolder folder;
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(5000, '\0'), std::string("#!/bin/sh\n"),
                                   encode(key_of(0), entry_of(0))}) {
    write_file(folder / "b", bytes);
    expect_refused({.path = folder / "b"}, "not a bundle of unstride", "write it again");
  }
}

}  // namespace
}  // namespace unstride::cache
