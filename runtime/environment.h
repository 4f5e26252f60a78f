// The environment variables that unstride knows. They are read here and nowhere else, once for each engine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "unstride/cache.hpp"

namespace unstride {

struct Environment {
  std::optional<std::string> cache_mode;  ///< UNSTRIDE_CACHE
  std::string cache_directory;            ///< UNSTRIDE_CACHE_DIR
  std::string bundle_path;                ///< UNSTRIDE_BUNDLE_PATH
  std::string xdg_cache_home;             ///< XDG_CACHE_HOME
  std::string xdg_runtime_dir;            ///< XDG_RUNTIME_DIR
  std::string home;                       ///< HOME, else by the password file
  std::string nvrtc;                      ///< UNSTRIDE_NVRTC: the library or its folder
  std::string cuda_driver;                ///< UNSTRIDE_CUDA_DRIVER: likewise
  std::string nvml;                       ///< UNSTRIDE_NVML: likewise
  std::string cuda_home, cuda_path;       ///< CUDA_HOME, CUDA_PATH: toolkits
  std::string virtual_env, conda_prefix;  ///< VIRTUAL_ENV, CONDA_PREFIX: where pip installs
};

/// Empty variables count as unset. A program that runs with raised privileges (setuid) sees none of them.
Environment read_environment();

/// The folder that the cache goes to; empty: none. A relative path is not taken: it would mean another folder tomorrow.
std::string cache_directory(const CacheOptions& options, const Environment& environment);
CacheMode cache_mode(const CacheOptions& options, const Environment& environment);
std::vector<std::string> bundle_paths(const CacheOptions& options, const Environment& environment);

}  // namespace unstride
