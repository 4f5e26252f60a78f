// The subcommands. Each function adds one to the command line and returns what to do when the user chose it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

#include "tools/unstride/outcome.h"

namespace unstride::command {

struct Subcommand {
  CLI::App* app;                           ///< parsed() is true when the user chose it
  std::function<Outcome(bool json)> work;  ///< may throw; call it after parsing
};

Subcommand add_info(CLI::App& root);
Subcommand add_check(CLI::App& root);
Subcommand add_compile(CLI::App& root);
Subcommand add_run(CLI::App& root);
Subcommand add_precompile(CLI::App& root);
Subcommand add_tune(CLI::App& root);
/// The group and each subcommand in it; the group itself is the last.
std::vector<Subcommand> add_cache(CLI::App& root);

}  // namespace unstride::command
