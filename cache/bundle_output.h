// Files that appear whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "cache/file_io.h"

namespace unstride::cache {

/// Writes a temp file beside `path` and renames it over `path`, so that a reader sees the old file or the new one,
/// whole, also after a power cut. Without commit(), or after an error, nothing is left. What writers in the same folder
/// left who were killed an hour ago or more is removed. Throws Error, naming path and reason.
class BundleOutput {
 public:
  explicit BundleOutput(const std::string& path);
  ~BundleOutput();
  BundleOutput(const BundleOutput&) = delete;
  BundleOutput& operator=(const BundleOutput&) = delete;

  void append(std::string_view bytes);
  void commit();

 private:
  [[noreturn]] void fail(const std::string& doing) const;

  std::string path_, name_, temp_name_;
  Fd folder_, file_;
};

}  // namespace unstride::cache
