// Files whose checksums are right and whose numbers lie: nothing is read outside the file, and nothing large is
// allocated.
#include <functional>

#include "bundle_testing.h"

namespace unstride::cache {
namespace {

constexpr std::size_t count_at = 16, file_bytes_at = 24;
constexpr std::size_t record_at = 64, offset_at = 32, size_at = 40, content_at = 48;
constexpr int count = 3;
constexpr std::uint64_t huge[] = {std::uint64_t{1} << 31, std::uint64_t{1} << 40, std::uint64_t{1} << 63,
                                  ~std::uint64_t{0},      ~std::uint64_t{0} - 63, ~std::uint64_t{0} / 80 + 1};

std::uint64_t number_at(const std::string& bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

void put_number(std::string& bytes, std::size_t at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) bytes[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> 8 * i & 0xff);
}

std::size_t record(int i) {
  return record_at + 80 * static_cast<std::size_t>(i);
}

/// A bundle, changed, with its checksum made right again.
class Lie {
 public:
  explicit Lie(int entries = count) : entries_(entries) {
    writer_of(entries).write(path());
    bytes = read_file(path());
  }

  std::string path() const { return folder_ / "b"; }

  void write() {
    const std::size_t covered = record(entries_);
    const Digest checksum = sha256(std::string_view(bytes).substr(0, covered));
    std::copy(checksum.begin(), checksum.end(), bytes.begin() + covered);
    write_file(path(), bytes);
  }

  void expect_refused(const std::string& what) {
    write();
    cache::expect_refused({.path = path()}, what, "write it again");
  }

  std::string bytes;

 private:
  int entries_;
  TestFolder folder_;
};

TEST(BundleLies, TheFileIsReadAsItIsWithoutALie) {
  Lie lie;
  lie.write();
  const auto bundle = Bundle::open({.path = lie.path()});
  ASSERT_TRUE(bundle);
  EXPECT_TRUE(has(*bundle, 0) && has(*bundle, 1) && has(*bundle, 2));
}

TEST(BundleLies, AboutTheNumberOfEntries) {
  for (const std::uint64_t value : huge) {
    Lie lie;
    put_number(lie.bytes, count_at, value);
    lie.expect_refused("index cannot fit");
  }
  Lie lie;
  put_number(lie.bytes, count_at, bundle_max_entries);
  lie.expect_refused("index cannot fit");
}

TEST(BundleLies, AboutTheSizeOfTheFile) {
  for (const std::uint64_t value : huge) {
    Lie lie;
    put_number(lie.bytes, file_bytes_at, value);
    lie.expect_refused("should have");
  }
}

TEST(BundleLies, AboutSizesOfEntries) {
  for (int i = 0; i < count; ++i) {
    for (const std::uint64_t value : huge) {
      Lie lie;
      put_number(lie.bytes, record(i) + size_at, value);
      lie.expect_refused("too large");
    }
    for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1} << 30}) {
      Lie lie;
      put_number(lie.bytes, record(i) + size_at, value);
      lie.expect_refused("it is damaged");
    }
  }
}

TEST(BundleLies, AboutWhereEntriesAre) {
  for (int i = 0; i < count; ++i) {
    for (const std::uint64_t value : huge) {
      Lie lie;
      put_number(lie.bytes, record(i) + offset_at, value);
      lie.expect_refused("not where it belongs");
    }
    for (const std::uint64_t shift : {~std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{64}, ~std::uint64_t{63}}) {
      Lie lie;
      put_number(lie.bytes, record(i) + offset_at, number_at(lie.bytes, record(i) + offset_at) + shift);
      lie.expect_refused("not where it belongs");
    }
  }
}

TEST(BundleLies, AboutTheOrderOfTheIndex) {
  Lie swapped;
  std::swap_ranges(swapped.bytes.begin() + record(0), swapped.bytes.begin() + record(0) + 32,
                   swapped.bytes.begin() + record(1));
  swapped.expect_refused("not sorted");
  Lie repeated;
  std::copy_n(repeated.bytes.begin() + record(0), 32, repeated.bytes.begin() + record(1));
  repeated.expect_refused("not sorted");
}

TEST(BundleLies, BytesAfterTheLastEntry) {
  Lie lie;
  lie.bytes += std::string(64, 'x');
  put_number(lie.bytes, file_bytes_at, lie.bytes.size());
  lie.expect_refused("does not end where the file ends");
}

TEST(BundleLies, AReservedField) {
  Lie lie;
  lie.bytes[12] = 1;
  lie.expect_refused("reserved");
}

TEST(BundleLies, AnotherFormatVersionSaysWhichAndWhatToDo) {
  for (const int version : {0, 2, 77}) {
    Lie lie;
    lie.bytes[8] = static_cast<char>(version);
    lie.expect_refused("format version " + std::to_string(version) + ", this unstride reads version 1");
  }
}

/// An entry that is not one, or not for its key, under checksums that are right.
TEST(BundleLies, AboutWhatAnEntryIs) {
  const std::function<void(std::string&)> changes[] = {
      [](std::string& entry) { entry[0] ^= 1; },                             // its magic
      [](std::string& entry) { entry[entry.size() - 1] ^= 1; },              // its payload
      [](std::string& entry) { entry.replace(12, 4, "\xff\xff\xff\x7f"); },  // the length of its header
      [](std::string& entry) { std::fill(entry.begin(), entry.end(), '\0'); },
  };
  for (const auto& change : changes) {
    Lie lie;
    for (int i = 0; i < count; ++i) {
      const std::size_t at = number_at(lie.bytes, record(i) + offset_at);
      const std::size_t size = number_at(lie.bytes, record(i) + size_at);
      std::string entry = lie.bytes.substr(at, size);
      change(entry);
      lie.bytes.replace(at, size, entry);
      const Digest content = sha256(entry);
      std::copy(content.begin(), content.end(), lie.bytes.begin() + record(i) + content_at);
    }
    lie.write();
    const Lines lines;
    const auto bundle = Bundle::open({.path = lie.path(), .report = lines.report()});
    ASSERT_TRUE(bundle);
    for (int i = 0; i < count; ++i) EXPECT_FALSE(bundle->find(key_of(i)));
    bundle->list();
    EXPECT_EQ(lines.lines->size(), 1U);
  }
}

TEST(BundleLies, AboutWhichKeyAnEntryIsFor) {
  Lie lie(1);
  const Key wanted = key_of(1000);
  std::copy(wanted.digest().begin(), wanted.digest().end(), lie.bytes.begin() + record(0));
  lie.write();
  const Lines lines;
  const auto bundle = Bundle::open({.path = lie.path(), .report = lines.report()});
  ASSERT_TRUE(bundle);
  EXPECT_FALSE(bundle->find(wanted));
  ASSERT_EQ(lines.lines->size(), 1U);
  EXPECT_NE(lines.lines->front().find("another key"), std::string::npos) << lines.lines->front();
}

TEST(BundleLies, AFileOfATerabyteCostsNoTerabyte) {
  Lie lie;
  const std::uint64_t size = std::uint64_t{1} << 40;
  put_number(lie.bytes, file_bytes_at, size);
  put_number(lie.bytes, record(count - 1) + size_at, size - number_at(lie.bytes, record(count - 1) + offset_at));
  lie.write();
  std::error_code error;
  std::filesystem::resize_file(lie.path(), size, error);  // sparse
  if (error) GTEST_SKIP() << "no sparse files here: " << error.message();
  expect_refused({.path = lie.path()}, "too large", "write it again");
  put_number(lie.bytes, count_at, bundle_max_entries);
  write_file(lie.path(), lie.bytes);
  std::filesystem::resize_file(lie.path(), size);
  expect_refused({.path = lie.path()}, "checksum of its index", "write it again");
}

}  // namespace
}  // namespace unstride::cache
