// What tests of the cache share: a folder that goes away, keys and payloads by number, reports that are kept.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cache/store.h"

namespace unstride::cache::testing {

/// A folder under $TMPDIR that nobody else can write, removed with all that is in it.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  const std::string& path() const noexcept { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Lines that were reported, from any thread.
class Reports {
 public:
  Report report();
  std::vector<std::string> lines() const;
  /// One line that has this text.
  bool one_with(const std::string& text) const;

 private:
  struct Kept {
    std::mutex mutex;
    std::vector<std::string> lines;
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

Key key_number(int n);

/// Bytes that follow from n, about `size` of them: whoever reads them can tell whether they are right.
Entry entry_number(int n, std::size_t size = 300);
bool is_entry_number(int n, const Entry& entry, std::size_t size = 300);

/// Where the store keeps an entry.
std::string path_of(const std::string& root, const Key& key);
/// Written there without the store: quick, and whatever the bytes.
void write_entry_file(const std::string& root, const Key& key, const std::string& bytes);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& bytes);
bool exists(const std::string& path);
struct stat status_of(const std::string& path);               // of a symbolic link itself
void set_age(const std::string& path, std::int64_t seconds);  // negative: from the future
std::int64_t age_of(const std::string& path);

double seconds_since_start();

}  // namespace unstride::cache::testing
