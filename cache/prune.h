// Keeping a store within its limits: least recently used first, by the time stamps that hits renew.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "cache/store.h"

namespace unstride::cache {

/// Seconds since the epoch. Never before the stamp of a file just written, as time(2) can be: that one is behind by up
/// to a tick of the kernel's clock.
std::int64_t time_now();

/// When an entry was last used: its modification time. A stamp from the future, left by a clock that has jumped back
/// since, counts as now.
std::int64_t last_used(const struct stat& status, std::int64_t now);

/// A hit renews stamps older than this, so that most hits write nothing.
inline constexpr std::int64_t renew_after = 5 * 60;
void renew_stamp(int file, const struct stat& status, std::int64_t now);

/// When a limit is exceeded, removes down to 80 % of both. Entries used meanwhile stay. Returns how many were removed.
std::int64_t prune_entries(int root, bool trust_foreign, const Limits& limits, std::int64_t now);

/// A temp file that nobody wrote to for an hour, or that is as far in the future, as the clock has jumped back since:
/// its writer is dead.
bool is_abandoned(const struct stat& status, std::int64_t now);
/// Removes temp files that are abandoned. A living writer whose file goes tries again.
void sweep_temp_files(int root, bool trust_foreign, std::int64_t now);

/// Says when to look whether the store has outgrown its limits. Looking reads every folder, so it is not done on each
/// publish, but whenever this process has added a fiftieth of a limit. Each process begins at a random point of that,
/// so that many short ones look as often, together, as one long one; they need to share no count.
class PruneSchedule {
 public:
  explicit PruneSchedule(const Limits& limits);
  /// Counts an entry of this many bytes. True: look now.
  bool published(std::int64_t bytes);

 private:
  double bytes_per_look_, entries_per_look_;
  double progress_;
};

}  // namespace unstride::cache
