// The subcommands of `unstride cache`.
#pragma once

#include "tools/unstride/subcommand.h"

namespace unstride::command {

Subcommand add_cache_ls(CLI::App& cache);
Subcommand add_cache_stats(CLI::App& cache);
Subcommand add_cache_fsck(CLI::App& cache);
Subcommand add_cache_prune(CLI::App& cache);
Subcommand add_cache_clear(CLI::App& cache);
Subcommand add_cache_explain(CLI::App& cache);
Subcommand add_cache_extract(CLI::App& cache);
Subcommand add_cache_keygen(CLI::App& cache);

}  // namespace unstride::command
