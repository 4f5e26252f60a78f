#include "tools/unstride/cache_options.h"

#include <fmt/format.h>

#include <filesystem>

#include "tools/unstride/outcome.h"

namespace unstride::command {
namespace {

constexpr const char* group = "Cache";

}  // namespace

void add_bundle_places(CLI::App& app, CacheArguments& arguments) {
  // No option takes more than one value at a time: what follows may be a SPEC.
  app.add_option("--bundle-path", arguments.bundles, "bundles to look into, with colons; else $UNSTRIDE_BUNDLE_PATH")
      ->type_name("FILE:...")
      ->allow_extra_args(false)
      ->delimiter(':')
      ->group(group);
  app.add_option("--trusted-key", arguments.trusted_key_files, "use only bundles signed with this key; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(group);
}

void add_cache_places(CLI::App& app, CacheArguments& arguments) {
  app.add_option("--cache-dir", arguments.directory, "folder of the cache; else $UNSTRIDE_CACHE_DIR")
      ->type_name("DIR")
      ->group(group);
  add_bundle_places(app, arguments);
}

void add_cache_options(CLI::App& app, CacheArguments& arguments) {
  app.add_option("--cache", arguments.mode, "rw, ro, off, require, refresh or verify; else $UNSTRIDE_CACHE, else rw")
      ->type_name("MODE")
      ->group(group);
  add_cache_places(app, arguments);
}

CacheOptions cache_options(const CacheArguments& arguments) {
  CacheOptions options;
  try {
    if (!arguments.mode.empty()) options.mode = parse_cache_mode(arguments.mode);
  } catch (const ArgumentError& error) {
    throw UsageError(fmt::format("--cache: {}", error.what()));
  }
  if (!arguments.directory.empty()) options.directory = std::filesystem::absolute(arguments.directory).string();
  if (!arguments.bundles.empty()) options.bundles = arguments.bundles;
  for (const std::string& file : arguments.trusted_key_files) options.trusted_keys.push_back(read_public_key(file));
  return options;
}

Engine open_cache(const CacheArguments& arguments, CacheMode mode) {
  EngineOptions options{.threads = 1, .cache = cache_options(arguments)};
  options.cache.mode = mode;
  return Engine(std::move(options));
}

}  // namespace unstride::command
