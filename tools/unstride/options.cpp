#include "tools/unstride/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "tools/unstride/outcome.h"

namespace unstride::command {

CLI::Option* add_integer(CLI::App& app, const std::string& name, std::optional<std::int64_t>& value, IntegerRange range,
                         const std::string& description) {
  const std::string allowed = range.most == IntegerRange{range.least}.most
                                  ? fmt::format("an integer of at least {}", range.least)
                                  : fmt::format("an integer from {} to {}", range.least, range.most);
  const auto parse = [name, &value, range, allowed](const std::string& text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < range.least || number > range.most) {
      throw CLI::ValidationError(name, fmt::format("{}: must be {}", text, allowed));
    }
    value = number;
  };
  return app.add_option_function<std::string>(name, parse, description)->type_name("INT");
}

void add_compile_options(CLI::App& app, std::string& target, std::string& plan) {
  app.add_option("--target", target,
                 "cpu (this machine), cpu:x86-64-v3 (AVX2), cpu:x86-64-v4 (AVX-512), cpu:x86-64-v4+amx-bf16 (AMX), "
                 "cpu:x86-64-v4+avx512-bf16, cuda (this machine's GPU), cuda:sm_90a, ...; `unstride info` lists them")
      ->type_name("T")
      ->capture_default_str();
  app.add_option("--plan", plan, "force a plan: a strategy's name, or a whole plan as `run` prints it")->type_name("P");
}

bool is_cuda(const std::string& target) {
  return target == "cuda" || target.starts_with("cuda:");
}

void require_known_target(const Engine& engine, const std::string& target) {
  const std::vector<std::string> names = engine.target_names();
  if (names.empty() || std::ranges::find(names, target) != names.end()) return;
  const bool has_cuda = std::ranges::find(names, "cuda") != names.end();
  throw UsageError(fmt::format("--target: {}: {}; must be one of {}", target,
                               is_cuda(target) && !has_cuda ? "this build has no CUDA back end" : "unknown",
                               fmt::join(names, ", ")));
}

}  // namespace unstride::command
