// unstride cache stats: where the cache is, how it is used, and how full it is.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/cache_text.h"

namespace unstride::command {
namespace {

Outcome stats(const CacheArguments& arguments) {
  const Engine engine({.threads = 1, .cache = cache_options(arguments)});
  const CacheStats stats = engine.cache_stats();

  Outcome outcome;
  outcome.json() = {{"directory", stats.directory.empty() ? Json(nullptr) : Json(stats.directory)},
                    {"mode", name(stats.mode)},
                    {"entries", stats.entries},
                    {"bytes", stats.bytes},
                    {"temp_files", stats.temp_files},
                    {"max_entries", stats.max_entries},
                    {"max_bytes", stats.max_bytes},
                    {"bundles", Json::array()}};
  const bool has_directory = !stats.directory.empty();
  outcome.text = fmt::format("folder   {}\nmode     {}\n", has_directory ? stats.directory : "none", name(stats.mode));
  if (has_directory) {
    outcome.text += fmt::format("entries  {} of at most {}\nsize     {} of at most {}\n", stats.entries,
                                stats.max_entries, size_text(stats.bytes), size_text(stats.max_bytes));
    if (stats.temp_files > 0) outcome.text += fmt::format("unfinished files  {}\n", stats.temp_files);
  }
  for (const CacheStats::Bundle& bundle : stats.bundles) {
    outcome.json()["bundles"].push_back({{"path", bundle.path}, {"entries", bundle.entries}});
    outcome.text += fmt::format("bundle   {}: {} entries\n", bundle.path, bundle.entries);
  }
  return outcome;
}

}  // namespace

Subcommand add_cache_stats(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("stats", "Print where the cache is, its mode, and how full it is");
  const auto arguments = std::make_shared<CacheArguments>();
  add_cache_options(*app, *arguments);
  return {app, [arguments](bool) { return stats(*arguments); }};
}

}  // namespace unstride::command
