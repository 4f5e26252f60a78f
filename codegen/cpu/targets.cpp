#include "codegen/cpu/targets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "unstride/error.hpp"

namespace unstride::cpu {

namespace {

// The psABI levels that the micro-kernels need, best first. required: what their instructions come from.
struct Level {
  std::string_view name;
  int vector_bytes, vector_registers;
  bool embedded_broadcast;
  std::vector<std::string_view> required;
};

const std::array levels = {
    Level{"x86-64-v4",
          64,
          32,
          true,
          {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma", "bmi", "bmi2", "f16c"}},
    Level{"x86-64-v3", 32, 16, false, {"avx2", "fma", "bmi", "bmi2", "f16c"}},
};

// Asked of the processor, never looked up by its model name: virtual machines misreport that.
llvm::StringMap<bool> host_features() {
  return llvm::sys::getHostCPUFeatures();
}

std::vector<std::string_view> missing(const Level& level, const llvm::StringMap<bool>& features) {
  std::vector<std::string_view> result;
  for (std::string_view feature : level.required)
    if (!features.lookup(llvm::StringRef(feature.data(), feature.size()))) result.push_back(feature);
  return result;
}

std::int64_t cache_size(int name, std::int64_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

plan::CpuTarget describe(const Level& level, std::string_view name) {
  plan::CpuTarget target;
  target.name = name;
  target.triple = "x86_64-pc-linux-gnu";
  target.base_cpu = level.name;
  target.vector_bytes = level.vector_bytes;
  target.vector_registers = level.vector_registers;
  target.embedded_broadcast = level.embedded_broadcast;
  return target;
}

// The best level this processor has, and no feature beyond it: kernels then serve every machine of the level, and one
// cache or bundle all of them.
plan::CpuTarget host() {
  const auto features = host_features();
  for (const Level& level : levels) {
    if (!missing(level, features).empty()) continue;
    plan::CpuTarget target = describe(level, "cpu");
    target.l1_bytes = cache_size(_SC_LEVEL1_DCACHE_SIZE, target.l1_bytes);
    target.l2_bytes = cache_size(_SC_LEVEL2_CACHE_SIZE, target.l2_bytes);
    return target;
  }
  throw TargetError(fmt::format("target: cpu: this processor lacks {}; fused multiply-add and AVX2 are needed",
                                fmt::join(missing(levels.back(), features), ", ")));
}

}  // namespace

std::vector<std::string> target_names() {
  std::vector<std::string> names = {"cpu"};
  for (const Level& level : levels) names.push_back(fmt::format("cpu:{}", level.name));
  return names;
}

plan::CpuTarget target(std::string_view name) {
  if (name == "cpu") return host();
  for (const Level& level : levels)
    if (name == fmt::format("cpu:{}", level.name)) return describe(level, name);
  throw TargetError(
      fmt::format("target: \"{}\": unknown; this build compiles for {}", name, fmt::join(target_names(), ", ")));
}

std::string missing_features(const plan::CpuTarget& target) {
  const auto features = host_features();
  for (const Level& level : levels)
    if (level.name == target.base_cpu) return fmt::format("{}", fmt::join(missing(level, features), ", "));
  return {};
}

}  // namespace unstride::cpu
