// unstride cache: look into the cache of compiled kernels, and keep it in order.
#include "tools/unstride/cache_subcommands.h"

namespace unstride::command {

std::vector<Subcommand> add_cache(CLI::App& root) {
  CLI::App* app = root.add_subcommand("cache", "Look into the cache of compiled kernels, and keep it in order");
  app->require_subcommand(0, 1);
  app->footer(
      "Examples:\n"
      "  unstride cache ls\n"
      "  unstride cache explain layer.json\n"
      "  unstride cache prune --max-bytes 500M");
  std::vector<Subcommand> subcommands = {add_cache_ls(*app),      add_cache_stats(*app), add_cache_fsck(*app),
                                         add_cache_prune(*app),   add_cache_clear(*app), add_cache_explain(*app),
                                         add_cache_extract(*app), add_cache_keygen(*app)};
  subcommands.push_back({app, [](bool) -> Outcome {
                           throw UsageError(
                               "cache: a subcommand is missing: ls, stats, fsck, prune, clear, explain, extract or "
                               "keygen; see --help");
                         }});
  return subcommands;
}

}  // namespace unstride::command
