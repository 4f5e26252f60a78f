// unstride info: versions, and the targets found.
#include <fmt/format.h>

#include <algorithm>

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

Outcome info() {
  const Engine engine;
  const std::vector<TargetInfo> targets = engine.targets();

  Outcome outcome;
  outcome.json["version"] = version();
  outcome.json["llvm"] = llvm_version ? Json(llvm_version) : Json(nullptr);
  outcome.json["cuda"] = nullptr;
  outcome.json["threads"] = engine.threads();
  outcome.json["targets"] = Json::array();
  for (const TargetInfo& target : targets) {
    outcome.json["targets"].push_back({{"name", target.name},
                                       {"description", target.description},
                                       {"compiles", target.compiles},
                                       {"runs", target.runs}});
  }

  outcome.text = fmt::format("unstride  {}\nLLVM      {}\nCUDA      {}\nthreads   {}\n\n", version(),
                             llvm_version ? llvm_version : "not built in", "not built in", engine.threads());
  std::size_t width = 0;
  for (const TargetInfo& target : targets) width = std::max(width, target.name.size());
  for (const TargetInfo& target : targets) {
    outcome.text += fmt::format("{:<{}}  {:<14}  {}\n", target.name, width, ability(target), target.description);
  }
  return outcome;
}

}  // namespace

Subcommand add_info(CLI::App& root) {
  CLI::App* app = root.add_subcommand("info", "Print versions, and the targets found and what each can do");
  return {app, [](bool) { return info(); }};
}

}  // namespace unstride::command
