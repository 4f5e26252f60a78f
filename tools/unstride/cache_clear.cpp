// unstride cache clear: remove every entry. Bundles stay.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/cache_text.h"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  bool yes = false;
};

bool confirmed(const CacheStats& stats) {
  std::fputs(fmt::format("Remove {} with {} from {}? [y/N] ",
                         stats.entries == 1 ? "1 entry" : fmt::format("{} entries", stats.entries),
                         size_text(stats.bytes), stats.directory)
                 .c_str(),
             stderr);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Outcome clear(const Arguments& arguments) {
  Engine engine = open_cache(arguments.cache, CacheMode::read_write);
  const CacheStats stats = engine.cache_stats();
  const bool is_asked = !arguments.yes && isatty(STDIN_FILENO) == 1 && stats.entries > 0;
  if (is_asked && !confirmed(stats)) throw Error("not confirmed: nothing was removed");
  const std::int64_t removed = engine.cache_clear();

  Outcome outcome;
  outcome.json() = {{"directory", stats.directory}, {"removed", removed}};
  outcome.text = fmt::format("{}: {} removed\n", stats.directory, removed);
  return outcome;
}

}  // namespace

Subcommand add_cache_clear(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("clear", "Remove every kernel from the cache; asks first on a terminal");
  const auto arguments = std::make_shared<Arguments>();
  app->add_flag("--yes", arguments->yes, "do not ask");
  add_cache_places(*app, arguments->cache);
  return {app, [arguments](bool) { return clear(*arguments); }};
}

}  // namespace unstride::command
