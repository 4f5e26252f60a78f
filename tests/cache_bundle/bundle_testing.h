// What the bundle tests share: a private folder, small entries, and a key pair that never changes.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cache/bundle.h"
#include "cache/bundle_format.h"

namespace unstride::cache {

/// Mode 0700, with all in it removed at the end.
class TestFolder {
 public:
  TestFolder() {
    std::string name = testing::TempDir() + "/unstride_bundle_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp: " + name);
    path_ = std::filesystem::canonical(name);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(folder)) names.push_back(item.path().filename());
  return names;
}

inline Key key_of(int i) {
  return Key({{"kernel", "conv " + std::to_string(i)}, {"target", "test"}});
}

inline Entry entry_of(int i, std::size_t payload_bytes = 20) {
  std::string payload = "payload " + std::to_string(i) + ' ';
  while (payload.size() < payload_bytes) payload += static_cast<char>(payload.size() * 7 + static_cast<std::size_t>(i));
  return {{{"compile_ms", std::to_string(10 + i)}}, payload};
}

/// key_of(0) to key_of(count - 1).
inline BundleWriter writer_of(int count, std::size_t payload_bytes = 20) {
  BundleWriter writer;
  for (int i = 0; i < count; ++i) writer.add(key_of(i), entry_of(i, payload_bytes));
  return writer;
}

/// Right to the last byte.
inline bool has(const Bundle& bundle, int i, std::size_t payload_bytes = 20) {
  const std::optional<Entry> entry = bundle.find(key_of(i));
  if (!entry) return false;
  const Entry expected = entry_of(i, payload_bytes);
  EXPECT_EQ(entry->payload, expected.payload) << "a wrong payload for " << i;
  EXPECT_EQ(entry->notes, expected.notes);
  return true;
}

/// Collects what is reported.
struct Lines {
  std::shared_ptr<std::vector<std::string>> lines = std::make_shared<std::vector<std::string>>();
  Report report() const {
    return [to = lines](const std::string& line) { to->push_back(line); };
  }
};

/// The bundle is refused, in one line that holds both parts: what is wrong, and what to do about it.
inline void expect_refused(BundleOptions options, const std::string& what, const std::string& remedy) {
  const Lines lines;
  options.report = lines.report();
  EXPECT_EQ(Bundle::open(options), nullptr);
  ASSERT_EQ(lines.lines->size(), 1U);
  const std::string& line = lines.lines->front();
  EXPECT_NE(line.find(options.path), std::string::npos) << line;
  EXPECT_NE(line.find(what), std::string::npos) << line;
  EXPECT_NE(line.find(remedy), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

inline std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

/// RFC 8032, section 7.1, tests 1 and 2: known to everybody, so never to be trusted outside tests.
inline const std::string public_key = from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
inline const std::string secret_key =
    from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") + public_key;
inline const std::string other_public_key =
    from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
inline const std::string other_secret_key =
    from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb") + other_public_key;

}  // namespace unstride::cache
