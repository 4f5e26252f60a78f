#include "codegen/cpu/targets.h"

#include <cpuid.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/ADT/StringMap.h>
#include <llvm/TargetParser/Host.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "codegen/cpu/amx_permission.h"
#include "unstride/error.hpp"

namespace unstride::cpu {

namespace {

// What fast math has beyond a psABI level.
enum class Unit { none, matrices, bfloat16_dots };

// The psABI levels that the micro-kernels need, best first, and those with a unit for fast math, which no level has.
// required: what LLVM may use for them.
struct Level {
  std::string_view name, base_cpu, features;
  int vector_bytes, vector_registers;
  bool embedded_broadcast;
  Unit unit;
  std::vector<std::string_view> required;
};

const std::array levels = {
    Level{"x86-64-v4+amx-bf16",
          "x86-64-v4",
          "+amx-tile,+amx-bf16,+avx512bf16",
          64,
          32,
          true,
          Unit::matrices,
          {"amx-tile", "amx-bf16", "avx512bf16", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2",
           "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe", "popcnt"}},
    Level{"x86-64-v4+avx512-bf16",
          "x86-64-v4",
          "+avx512bf16",
          64,
          32,
          true,
          Unit::bfloat16_dots,
          {"avx512bf16", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma", "bmi", "bmi2",
           "f16c", "lzcnt", "movbe", "popcnt"}},
    Level{"x86-64-v4",
          "x86-64-v4",
          "",
          64,
          32,
          true,
          Unit::none,
          {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt",
           "movbe", "popcnt"}},
    Level{"x86-64-v3",
          "x86-64-v3",
          "",
          32,
          16,
          false,
          Unit::none,
          {"avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe", "popcnt"}},
};

// Asked of the processor, never looked up by its model name: virtual machines misreport that.
llvm::StringMap<bool> host_features() {
  return llvm::sys::getHostCPUFeatures();
}

std::vector<std::string_view> missing(const Level& level, const llvm::StringMap<bool>& features) {
  std::vector<std::string_view> result;
  for (std::string_view feature : level.required)
    if (!features.lookup(llvm::StringRef(feature.data(), feature.size()))) result.push_back(feature);
  if (result.empty() && level.unit == Unit::matrices && !amx_permitted())
    result.push_back("the kernel's permission to use AMX");
  return result;
}

std::int64_t cache_size(int name, std::int64_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? bytes : otherwise;
}

// For strict math a level is the one that it builds on.
plan::CpuTarget describe(const Level& level, std::string_view name, Math math) {
  const bool fast = math == Math::fast;
  plan::CpuTarget target;
  target.name = name;
  target.triple = "x86_64-pc-linux-gnu";
  target.level = fast ? level.name : level.base_cpu;
  target.base_cpu = level.base_cpu;
  if (fast) target.features = level.features;
  target.matrix_unit = fast && level.unit == Unit::matrices;
  target.bfloat16_dots = fast && level.unit == Unit::bfloat16_dots;
  target.vector_bytes = level.vector_bytes;
  target.vector_registers = level.vector_registers;
  target.embedded_broadcast = level.embedded_broadcast;
  return target;
}

// Zen 5, whose third level belongs to a few cores and not to the whole chip, and whose prefetching follows many rows.
constexpr plan::ReadingCosts reading_costs_of_amd = {.l2_bytes = 32,
                                                     .l3_bytes = 24,
                                                     .l3_bytes_asked_for = 18,
                                                     .l3_bytes_interrupted = 36,
                                                     .memory_bytes = 11,
                                                     .asking = 1.0,
                                                     .packed_row = 20,
                                                     .panel_line = 0.15,
                                                     .panel_line_again = 0.3,
                                                     .near_line = 0.2,
                                                     .few_rows_line = 0.4,
                                                     .many_rows_line = 0.4,
                                                     .l3_line = {3, 3, 2.5, 2.5},
                                                     .memory_line = {12, 17, 5.5, 33}};

bool is_amd() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0, &eax, &ebx, &ecx, &edx) != 0 && ebx == signature_AMD_ebx;
}

// Intel's processors have AVX512-BF16 for programs that store bfloat16: it multiplies half as fast as float32 there, or
// slower. AMD's multiply twice as fast.
bool pays(Unit unit) {
  return unit != Unit::bfloat16_dots || is_amd();
}

// The best level this processor has, and no feature beyond it: kernels then serve every machine of the level, and one
// cache or bundle all of them.
plan::CpuTarget host(Math math) {
  const auto features = host_features();
  for (const Level& level : levels) {
    if (level.unit != Unit::none && (math != Math::fast || !pays(level.unit))) continue;
    if (!missing(level, features).empty()) continue;
    plan::CpuTarget target = describe(level, "cpu", math);
    target.l1_bytes = cache_size(_SC_LEVEL1_DCACHE_SIZE, target.l1_bytes);
    target.l2_bytes = cache_size(_SC_LEVEL2_CACHE_SIZE, target.l2_bytes);
    if (is_amd()) target.reading = reading_costs_of_amd;
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

plan::CpuTarget target(std::string_view name, Math math) {
  if (name == "cpu") return host(math);
  for (const Level& level : levels)
    if (name == fmt::format("cpu:{}", level.name)) return describe(level, name, math);
  throw TargetError(
      fmt::format("target: \"{}\": unknown; this build compiles for {}", name, fmt::join(target_names(), ", ")));
}

std::string missing_features(const plan::CpuTarget& target) {
  const auto features = host_features();
  for (const Level& level : levels)
    if (level.name == target.level) return fmt::format("{}", fmt::join(missing(level, features), ", "));
  return {};
}

}  // namespace unstride::cpu
