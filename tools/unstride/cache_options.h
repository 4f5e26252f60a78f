// Where an engine of this command looks for compiled kernels. What is given here wins over the environment.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "unstride/cache.hpp"
#include "unstride/engine.hpp"

namespace unstride::command {

struct CacheArguments {
  std::string mode, directory;
  std::vector<std::string> bundles, trusted_key_files;
};

/// --bundle-path and --trusted-key.
void add_bundle_places(CLI::App& app, CacheArguments& arguments);
/// --cache-dir, --bundle-path and --trusted-key.
void add_cache_places(CLI::App& app, CacheArguments& arguments);
/// These and --cache, the mode.
void add_cache_options(CLI::App& app, CacheArguments& arguments);

/// Reads the key files. Throws UsageError for an unknown mode, Error for a file that holds no key.
CacheOptions cache_options(const CacheArguments& arguments);

/// An engine to look into the cache itself, in this mode whatever UNSTRIDE_CACHE says.
Engine open_cache(const CacheArguments& arguments, CacheMode mode);

}  // namespace unstride::command
