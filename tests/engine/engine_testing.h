// What the tests of the engine's cache share.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "unstride/unstride.hpp"

namespace unstride::testing {

/// Mode 0700, with all in it removed at the end.
class TestFolder {
 public:
  TestFolder() : path_((std::filesystem::temp_directory_path() / "unstride-engine-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline LayerSpec small_layer(std::int64_t out_channels = 24) {
  return {.in_channels = 16, .out_channels = out_channels, .kernel_size = 8, .stride = 4, .padding = 2};
}

/// Compiles whatever it is asked for and keeps nothing.
inline Engine compiler() {
  return Engine({.threads = 1, .cache = {.mode = CacheMode::off}});
}

/// A machine with nothing but this bundle, in this mode; lines go to `log`.
inline Engine with_bundle(const std::string& path, CacheMode mode, std::vector<std::string>* log = nullptr) {
  CacheOptions cache{.mode = mode, .directory = path + ".no-folder", .bundles = std::vector{path}};
  if (log) cache.log = [log](const std::string& line) { log->push_back(line); };
  return Engine({.threads = 1, .cache = std::move(cache)});
}

}  // namespace unstride::testing
