#include "runtime/environment.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace unstride {

namespace {

std::string variable(const char* name) {
  const char* value = secure_getenv(name);
  return value ? value : "";
}

std::string home_by_password_file() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found || !entry.pw_dir) return {};
  return entry.pw_dir;
}

bool is_absolute(const std::string& path) {
  return path.starts_with('/');
}

}  // namespace

Environment read_environment() {
  Environment environment;
  if (std::string mode = variable("UNSTRIDE_CACHE"); !mode.empty()) environment.cache_mode = std::move(mode);
  environment.cache_directory = variable("UNSTRIDE_CACHE_DIR");
  environment.bundle_path = variable("UNSTRIDE_BUNDLE_PATH");
  environment.xdg_cache_home = variable("XDG_CACHE_HOME");
  environment.xdg_runtime_dir = variable("XDG_RUNTIME_DIR");
  environment.home = variable("HOME");
  if (!is_absolute(environment.home)) environment.home = home_by_password_file();
  environment.nvrtc = variable("UNSTRIDE_NVRTC");
  environment.cuda_driver = variable("UNSTRIDE_CUDA_DRIVER");
  environment.nvml = variable("UNSTRIDE_NVML");
  environment.cuda_home = variable("CUDA_HOME");
  environment.cuda_path = variable("CUDA_PATH");
  environment.virtual_env = variable("VIRTUAL_ENV");
  environment.conda_prefix = variable("CONDA_PREFIX");
  return environment;
}

std::string cache_directory(const CacheOptions& options, const Environment& environment) {
  const auto absolute = [](const char* what, const std::string& path) {
    if (!is_absolute(path)) throw ArgumentError(fmt::format("{}: \"{}\": must be an absolute path", what, path));
    return path;
  };
  if (!options.directory.empty()) return absolute("cache.directory", options.directory);
  if (!environment.cache_directory.empty()) return absolute("UNSTRIDE_CACHE_DIR", environment.cache_directory);
  // The XDG Base Directory Specification: relative paths are to be ignored.
  if (is_absolute(environment.xdg_cache_home)) return environment.xdg_cache_home + "/unstride";
  if (is_absolute(environment.home) && environment.home != "/") return environment.home + "/.cache/unstride";
  return {};
}

CacheMode cache_mode(const CacheOptions& options, const Environment& environment) {
  if (options.mode) return *options.mode;
  if (!environment.cache_mode) return CacheMode::read_write;
  try {
    return parse_cache_mode(*environment.cache_mode);
  } catch (const ArgumentError& error) {
    throw ArgumentError(fmt::format("UNSTRIDE_CACHE: {}", error.what()));
  }
}

std::vector<std::string> bundle_paths(const CacheOptions& options, const Environment& environment) {
  if (options.bundles) return *options.bundles;
  std::vector<std::string> paths;
  std::string_view rest = environment.bundle_path;
  while (!rest.empty()) {
    const std::string_view path = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), path.size() + 1));
    if (!path.empty()) paths.emplace_back(path);
  }
  return paths;
}

}  // namespace unstride
