// unstride info: versions, the targets found, and where the cache is.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/unstride/cache_options.h"
#include "tools/unstride/cache_text.h"
#include "tools/unstride/subcommand.h"
#include "unstride/device.hpp"
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

// Nothing in a build without CUDA.
std::optional<CudaInfo> find_cuda(const Engine& engine) {
  try {
    return cuda_info(engine);
  } catch (const TargetError&) {
    return {};
  }
}

Json to_report(const CudaInfo& cuda) {
  const auto library = [](const std::string& version, const std::string& path, const std::string& error) -> Json {
    if (!error.empty()) return {{"error", error}};
    return {{"version", version}, {"path", path}};
  };
  Json devices = Json::array();
  for (const DeviceInfo& device : cuda.devices) {
    if (!device.error.empty()) {
      devices.push_back({{"index", device.index}, {"error", device.error}});
      continue;
    }
    devices.push_back({{"index", device.index},
                       {"name", device.name},
                       {"target", device.target.empty() ? Json(nullptr) : Json(device.target)},
                       {"multiprocessors", device.multiprocessors},
                       {"memory_bytes", device.memory_bytes}});
  }
  return {{"nvrtc", library(cuda.nvrtc_version, cuda.nvrtc_path, cuda.nvrtc_error)},
          {"driver", library(cuda.driver_version, cuda.driver_path, cuda.driver_error)},
          {"devices", std::move(devices)}};
}

std::string to_text(const CudaInfo& cuda) {
  const auto library = [](const std::string& version, const std::string& path, const std::string& error) {
    return error.empty() ? fmt::format("{}, {}", version, path) : error;
  };
  std::string text =
      fmt::format("NVRTC     {}\ndriver    {}\n", library(cuda.nvrtc_version, cuda.nvrtc_path, cuda.nvrtc_error),
                  library(cuda.driver_version, cuda.driver_path, cuda.driver_error));
  for (const DeviceInfo& device : cuda.devices) {
    if (!device.error.empty()) {
      text += fmt::format("device {}  does not answer: {}\n", device.index, device.error);
      continue;
    }
    text += fmt::format("device {}  {}, {}, {} multiprocessors, {}\n", device.index, device.name,
                        device.target.empty() ? "no code for it" : device.target, device.multiprocessors,
                        size_text(device.memory_bytes));
  }
  return text;
}

Outcome info(const CacheArguments& arguments) {
  const Engine engine({.cache = cache_options(arguments)});
  const CacheStats cache = engine.cache_stats();
  const std::vector<TargetInfo> targets = engine.targets();

  Outcome outcome;
  outcome.json()["version"] = version();
  outcome.json()["llvm"] = llvm_version ? Json(llvm_version) : Json(nullptr);
  const std::optional<CudaInfo> cuda = find_cuda(engine);
  outcome.json()["cuda"] = cuda ? to_report(*cuda) : Json(nullptr);
  outcome.json()["threads"] = engine.threads();
  outcome.json()["cache"] = {{"directory", cache.directory.empty() ? Json(nullptr) : Json(cache.directory)},
                             {"mode", name(cache.mode)}};
  outcome.json()["targets"] = Json::array();
  for (const TargetInfo& target : targets) {
    outcome.json()["targets"].push_back({{"name", target.name},
                                         {"description", target.description},
                                         {"compiles", target.compiles},
                                         {"runs", target.runs}});
  }

  outcome.text = fmt::format("unstride  {}\nLLVM      {}\n", version(), llvm_version ? llvm_version : "not built in");
  outcome.text += cuda ? to_text(*cuda) : "CUDA      not built in\n";
  outcome.text += fmt::format("threads   {}\ncache     {} ({})\n\n", engine.threads(),
                              cache.directory.empty() ? "no folder" : cache.directory, name(cache.mode));
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
