// unstride info: versions, the targets found, and where the cache is.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/subcommand.h"
#include "unstride/engine.hpp"

namespace unstride::command {
namespace {

#ifdef UNSTRIDE_LLVM_VERSION
constexpr const char* llvm_version = UNSTRIDE_LLVM_VERSION;
#else
constexpr const char* llvm_version = nullptr;
#endif

const char* ability(const TargetInfo& target) {
  if (target.runs) return "compiles, runs";
  return target.compiles ? "compiles" : "-";
}

Outcome info(const CacheArguments& arguments) {
  const Engine engine({.cache = cache_options(arguments)});
  const CacheStats cache = engine.cache_stats();
  const std::vector<TargetInfo> targets = engine.targets();

  Outcome outcome;
  outcome.json["version"] = version();
  outcome.json["llvm"] = llvm_version ? Json(llvm_version) : Json(nullptr);
  outcome.json["cuda"] = nullptr;
  outcome.json["threads"] = engine.threads();
  outcome.json["cache"] = {{"directory", cache.directory.empty() ? Json(nullptr) : Json(cache.directory)},
                           {"mode", name(cache.mode)}};
  outcome.json["targets"] = Json::array();
  for (const TargetInfo& target : targets) {
    outcome.json["targets"].push_back({{"name", target.name},
                                       {"description", target.description},
                                       {"compiles", target.compiles},
                                       {"runs", target.runs}});
  }

  outcome.text = fmt::format("unstride  {}\nLLVM      {}\nCUDA      {}\nthreads   {}\n", version(),
                             llvm_version ? llvm_version : "not built in", "not built in", engine.threads());
  outcome.text +=
      fmt::format("cache     {} ({})\n\n", cache.directory.empty() ? "no folder" : cache.directory, name(cache.mode));
  std::size_t width = 0;
  for (const TargetInfo& target : targets) width = std::max(width, target.name.size());
  for (const TargetInfo& target : targets) {
    outcome.text += fmt::format("{:<{}}  {:<14}  {}\n", target.name, width, ability(target), target.description);
  }
  return outcome;
}

}  // namespace

Subcommand add_info(CLI::App& root) {
  CLI::App* app =
      root.add_subcommand("info", "Print versions, the targets found and what each can do, and the cache folder");
  const auto arguments = std::make_shared<CacheArguments>();
  add_cache_options(*app, *arguments);
  return {app, [arguments](bool) { return info(*arguments); }};
}

}  // namespace unstride::command
