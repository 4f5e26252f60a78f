// unstride cache fsck: read every byte of the cache, and say which entries are corrupt.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"
#include "tools/unstride/cache_text.h"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  bool remove = false;
};

Outcome check(const Arguments& arguments) {
  Engine engine = open_cache(arguments.cache, arguments.remove ? CacheMode::read_write : CacheMode::read_only);
  const CacheCheck check = engine.cache_check(arguments.remove);

  Outcome outcome;
  outcome.json() = {
      {"checked", check.checked}, {"bytes", check.bytes}, {"corrupt", check.corrupt}, {"removed", check.removed}};
  outcome.text = fmt::format("{} with {} checked, {} corrupt, {} removed\n", count_text(check.checked, "file"),
                             size_text(check.bytes), check.corrupt.size(), check.removed);
  for (const std::string& corrupt : check.corrupt) outcome.text += fmt::format("corrupt  {}\n", corrupt);
  const std::int64_t left = std::ssize(check.corrupt) - check.removed;
  if (left > 0) {
    const char* advice = arguments.remove ? "could not be removed" : "left; fsck --remove takes them out";
    outcome.failures.push_back({"", "", fmt::format("{} of {} corrupt: {}", left, check.checked, advice), work_failed});
  }
  return outcome;
}

}  // namespace

Subcommand add_cache_fsck(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("fsck", "Read every byte of the cache and name the entries that are corrupt");
  const auto arguments = std::make_shared<Arguments>();
  app->add_flag("--remove", arguments->remove, "remove what is corrupt");
  add_cache_places(*app, arguments->cache);
  return {app, [arguments](bool) { return check(*arguments); }};
}

}  // namespace unstride::command
