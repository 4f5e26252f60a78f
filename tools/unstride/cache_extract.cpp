// unstride cache extract: the code of an entry, for a disassembler.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/support/output_file.h"
#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_subcommands.h"

namespace unstride::command {
namespace {

struct Arguments {
  CacheArguments cache;
  std::string key;
  std::string file;
};

// The one key that begins so. The same key in several places is one.
std::string find_key(const Engine& engine, const std::string& prefix) {
  std::set<std::string> keys;
  for (const CacheEntry& entry : engine.cache_entries())
    if (entry.key.starts_with(prefix)) keys.insert(entry.key);
  if (keys.empty()) throw UsageError(fmt::format("{}: no key begins so; `unstride cache ls` lists them", prefix));
  if (keys.size() > 1) {
    throw UsageError(fmt::format("{}: {} keys begin so; must be the beginning of one:\n  {}", prefix, keys.size(),
                                 fmt::join(keys, "\n  ")));
  }
  return *keys.begin();
}

Outcome extract(const Arguments& arguments, bool json) {
  if (arguments.file.empty()) {
    const auto refuse = [&](const char* reason) {
      throw UsageError(fmt::format("{}: its code is binary, and {}; give a file with -o", arguments.key, reason));
    };
    if (json) refuse("--json prints text");
    if (isatty(STDOUT_FILENO) == 1) refuse("standard output is a terminal");
  }
  const Engine engine = open_cache(arguments.cache, CacheMode::read_only);
  const std::string key = find_key(engine, arguments.key);
  std::string code = engine.cache_extract(key);

  Outcome outcome;
  outcome.json() = {{"key", key}, {"bytes", code.size()}, {"file", arguments.file}};
  if (arguments.file.empty()) {
    outcome.text = std::move(code);
  } else {
    tools::write_file(arguments.file, {code});
    outcome.text = fmt::format("{}  {} bytes\n", arguments.file, code.size());
  }
  return outcome;
}

}  // namespace

Subcommand add_cache_extract(CLI::App& cache) {
  CLI::App* app = cache.add_subcommand("extract", "Save the code of an entry: for CPUs an ELF object");
  const auto arguments = std::make_shared<Arguments>();
  app->add_option("KEY", arguments->key, "its key, or the beginning of it if no other begins so")
      ->required()
      ->type_name("");
  app->add_option("-o", arguments->file, "write it to this file")->type_name("FILE");
  add_cache_places(*app, arguments->cache);
  app->footer("Example:\n  unstride cache extract 3f9a -o kernel.o && objdump -d kernel.o");
  return {app, [arguments](bool json) { return extract(*arguments, json); }};
}

}  // namespace unstride::command
