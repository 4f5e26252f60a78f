#include "tests/cache/cache_testing.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <system_error>

#include "cache/prune.h"

namespace unstride::cache::testing {

namespace fs = std::filesystem;

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "unstride-cache-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
  // Other users may pass through, for tests that become one.
  ::chmod(name.c_str(), 0755);
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  for (fs::recursive_directory_iterator it(path_, ignored), end; !ignored && it != end; it.increment(ignored))
    if (it->symlink_status(ignored).type() == fs::file_type::directory)
      fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
  fs::remove_all(path_, ignored);
}

Report Reports::report() {
  return [kept = kept_](const std::string& line) {
    const std::lock_guard lock(kept->mutex);
    kept->lines.push_back(line);
  };
}

std::vector<std::string> Reports::lines() const {
  const std::lock_guard lock(kept_->mutex);
  return kept_->lines;
}

bool Reports::one_with(const std::string& text) const {
  const auto all = lines();
  if (all.size() == 1 && all[0].find(text) != std::string::npos) return true;
  for (const std::string& line : all) ADD_FAILURE() << "reported: " << line;
  return false;
}

Key key_number(int n) {
  return Key({{"kind", "test"}, {"number", std::to_string(n)}, {"bytes", std::string("\xff\0\n", 3)}});
}

Entry entry_number(int n, std::size_t size) {
  std::mt19937 random(static_cast<unsigned>(n));
  std::string payload(size, '\0');
  for (char& byte : payload) byte = static_cast<char>(random());
  return {{{"number", std::to_string(n)}}, std::move(payload)};
}

bool is_entry_number(int n, const Entry& entry, std::size_t size) {
  const Entry expected = entry_number(n, size);
  return entry.payload == expected.payload && entry.notes == expected.notes;
}

std::string path_of(const std::string& root, const Key& key) {
  return root + "/v1/" + key.hex().substr(0, 2) + "/" + key.hex() + ".usk";
}

void write_entry_file(const std::string& root, const Key& key, const std::string& bytes) {
  const std::string path = path_of(root, key);
  for (const std::string& folder : {root, root + "/v1", fs::path(path).parent_path().string()})
    ::mkdir(folder.c_str(), 0700);
  write_file(path, bytes);
  ::chmod(path.c_str(), 0600);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::string& path, const std::string& bytes) {
  ::unlink(path.c_str());  // a new file: closing one that was truncated waits for the disk on ext4
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw std::system_error(errno, std::generic_category(), path);
  return status;
}

void set_age(const std::string& path, std::int64_t seconds) {
  struct timespec times[2]{};
  times[0].tv_sec = times[1].tv_sec = time_now() - seconds;
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    throw std::system_error(errno, std::generic_category(), path);
}

std::int64_t age_of(const std::string& path) {
  return time_now() - status_of(path).st_mtim.tv_sec;
}

double seconds_since_start() {
  static const auto start = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace unstride::cache::testing
