// unstride cache prune: remove what was not used for longest, down to a size.
#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/cache_text.h"
#include "tools/unstride/options.h"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  std::optional<std::int64_t> max_bytes, max_entries;
};

// "500", "500k", "500M", "2G".
std::int64_t parse_size(const std::string& text) {
  std::int64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const std::string_view unit(end, last);
  int shift = -1;
  if (unit.empty()) shift = 0;
  if (unit == "k" || unit == "K") shift = 10;
  if (unit == "M") shift = 20;
  if (unit == "G") shift = 30;
  const bool fits = number >= 0 && shift >= 0 && number <= std::numeric_limits<std::int64_t>::max() >> shift;
  if (error != std::errc{} || !fits) {
    throw CLI::ValidationError("--max-bytes",
                               fmt::format("{}: must be a number of bytes, as 500, 500k, 500M or 2G", text));
  }
  return number << shift;
}

Outcome prune(const Arguments& arguments) {
  Engine engine = open_cache(arguments.cache, CacheMode::read_write);
  const CacheStats before = engine.cache_stats();
  const std::int64_t removed = engine.cache_prune(arguments.max_bytes.value_or(before.max_bytes),
                                                  arguments.max_entries.value_or(before.max_entries));
  const CacheStats after = engine.cache_stats();

  Outcome outcome;
  outcome.json() = {{"directory", after.directory},
                    {"removed", removed},
                    {"removed_bytes", before.bytes - after.bytes},
                    {"entries", after.entries},
                    {"bytes", after.bytes}};
  outcome.text =
      fmt::format("{}: {} removed, {} left with {}\n", after.directory, removed, after.entries, size_text(after.bytes));
  return outcome;
}

}  // namespace

Subcommand add_cache_prune(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("prune", "When over a limit, remove the least recently used down to 80 % of it");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option_function<std::string>(
         "--max-bytes", [arguments](const std::string& text) { arguments->max_bytes = parse_size(text); },
         "limit of the size; 2G if left out")
      ->type_name("N[k|M|G]");
  add_integer(*app, "--max-entries", arguments->max_entries, {0}, "limit of the number; 100000 if left out");
  add_cache_places(*app, arguments->cache);
  return {app, [arguments](bool) { return prune(*arguments); }};
}

}  // namespace unstride::command
