// The unstride command: parse the arguments, do the one thing asked for, report.
//
// One JSON object on standard output with --json, else text; every complaint on standard error. Exit status: 0 done,
// 1 the work failed or did not verify, 2 wrong usage or a bad spec.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <vector>

#include "tools/unstride/standard_streams.h"
#include "tools/unstride/subcommand.h"
#include "unstride/engine.hpp"

namespace unstride::command {
namespace {

// Prints the outcome; returns the exit status.
int report(Outcome outcome, bool json) {
  int status = done;
  Json failures = Json::array();
  for (const Failure& failure : outcome.failures) {
    status = std::max<int>(status, failure.status);
    const std::string source = failure.source.empty() ? "" : failure.source + ": ";
    std::fputs(fmt::format("unstride: {}{}\n", source, failure.message).c_str(), stderr);
    const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
    failures.push_back(
        {{"source", or_null(failure.source)}, {"field", or_null(failure.field)}, {"message", failure.message}});
  }
  if (json) {
    outcome.json()["failures"] = std::move(failures);
    // File names and messages may hold bytes that are not UTF-8.
    outcome.text = outcome.json().dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  if (!write_stdout(outcome.text)) status = std::max<int>(status, work_failed);
  return status;
}

// --help and --version are exceptions to CLI11 too, as are wrong arguments.
int report(const CLI::App& root, const CLI::ParseError& error, bool json) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    std::ostringstream text, unused;
    root.exit(error, text, unused);
    return write_stdout(text.str()) ? done : work_failed;
  }
  Outcome outcome;
  outcome.failures.push_back({"", "", fmt::format("{}; see --help", error.what()), wrong_usage});
  return report(std::move(outcome), json);
}

int run(int argc, char** argv) {
  CLI::App root("unstride: a JIT compiler for the 1-D transposed convolution", "unstride");
  root.set_version_flag("--version", fmt::format("unstride {}", version()), "Print the version and exit");
  root.require_subcommand(0, 1);
  root.footer(
      "Examples:\n"
      "  unstride info\n"
      "  unstride check layer.json --length 128\n"
      "  unstride compile layer.json --emit asm\n"
      "  unstride run layer.json --batch 1 --length 860 --verify\n"
      "  unstride precompile layers.json --bundle kernels.bundle\n"
      "  unstride tune layer.json --lengths 128,860 --budget 1m\n"
      "  unstride cache explain layer.json\n"
      "\n"
      "Exit status: 0 done, 1 the work failed or did not verify, 2 wrong usage or a bad spec.");
  std::vector<Subcommand> subcommands = {add_info(root), add_check(root),      add_compile(root),
                                         add_run(root),  add_precompile(root), add_tune(root)};
  std::ranges::move(add_cache(root), std::back_inserter(subcommands));
  bool json = false;
  root.add_flag("--json", json, "print one JSON object on standard output");
  for (const Subcommand& subcommand : subcommands) {
    subcommand.app->add_flag("--json", json, "print one JSON object on standard output");
  }

  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool json_wanted = std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--json"; });
    return report(root, error, json_wanted);
  }
  try {
    const auto chosen = std::ranges::find_if(subcommands, [](const Subcommand& s) { return s.app->parsed(); });
    if (chosen == subcommands.end())
      throw UsageError("a subcommand is missing: info, check, compile, run, precompile, tune or cache; see --help");
    return report(chosen->work(json), json);
  } catch (...) {
    Outcome outcome;
    outcome.failures.push_back(failure_from(std::current_exception()));
    return report(std::move(outcome), json);
  }
}

}  // namespace
}  // namespace unstride::command

int main(int argc, char** argv) {
  try {
    unstride::command::prepare_standard_streams();
    return unstride::command::run(argc, argv);
  } catch (const std::exception& e) {  // while reporting: out of memory
    std::fputs("unstride: ", stderr);
    std::fputs(e.what(), stderr);
    std::fputs("\n", stderr);
    return unstride::command::work_failed;
  }
}
