#include "runtime/processor.h"

#include <fmt/format.h>

#include <fstream>
#include <map>

#ifdef UNSTRIDE_WITH_LLVM
#include "codegen/cpu/identity.h"
#endif

namespace unstride {

namespace {

// The first processor's fields.
std::map<std::string, std::string> cpuinfo() {
  std::map<std::string, std::string> fields;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    fields.emplace(line.substr(0, line.find_first_of("\t:")), begin == line.npos ? "" : line.substr(begin));
  }
  return fields;
}

}  // namespace

std::string processor_name() {
  static const std::string name = [] {
    auto fields = cpuinfo();
    return fmt::format("{} (family {}, model {}, stepping {})", fields["model name"], fields["cpu family"],
                       fields["model"], fields["stepping"]);
  }();
  return name;
}

tuning::Environment cpu_environment(const plan::CpuTarget& target) {
  tuning::Environment environment{.processor = processor_name(),
                                  .features = fmt::format("{} {}", target.base_cpu, target.features),
                                  .compiler = {},
                                  .generator = {}};
#ifdef UNSTRIDE_WITH_LLVM
  environment.compiler = fmt::format("LLVM {}", cpu::llvm_version());
  environment.generator = cpu::generator_digest();
#endif
  return environment;
}

}  // namespace unstride
