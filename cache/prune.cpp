#include "cache/prune.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <tuple>
#include <vector>

#include "cache/entry_file.h"

namespace unstride::cache {

namespace {

constexpr std::int64_t temp_file_age = std::int64_t{60} * 60;
constexpr double share_per_look = 0.02;

struct Candidate {
  std::string hex;
  struct stat status {};
};

// Stamps from the future, left before the clock jumped back, come last and in their order: all were used after those of
// the past. Equal ones go by name, so that any process chooses the same.
bool used_earlier(const Candidate& a, const Candidate& b) {
  const auto order = [](const Candidate& c) {
    return std::tuple(c.status.st_mtim.tv_sec, c.status.st_mtim.tv_nsec, std::string_view(c.hex));
  };
  return order(a) < order(b);
}

double random_share() {
  std::random_device device;
  return std::uniform_real_distribution<double>()(device);
}

std::int64_t four_fifths(std::int64_t limit) {
  return limit / 5 * 4 + limit % 5 * 4 / 5;
}

// A hit may have come since the scan.
bool still_unused(int folder, const Candidate& candidate) {
  struct stat now {};
  if (::fstatat(folder, file_name(candidate.hex).c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return same_file(now, candidate.status) && now.st_mtim.tv_sec == candidate.status.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == candidate.status.st_mtim.tv_nsec;
}

}  // namespace

std::int64_t time_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
}

std::int64_t last_used(const struct stat& status, std::int64_t now) {
  return std::min<std::int64_t>(status.st_mtim.tv_sec, now);
}

void renew_stamp(int file, const struct stat& status, std::int64_t now) {
  const std::int64_t stamp = status.st_mtim.tv_sec;
  if (stamp <= now && now - stamp < renew_after) return;
  // Fails on a read-only folder, where recency does not matter either.
  static_cast<void>(::futimens(file, nullptr));
}

std::int64_t prune_entries(int root, bool trust_foreign, const Limits& limits, std::int64_t now) {
  std::vector<Candidate> entries;
  std::int64_t bytes = 0;
  for_each_entry(root, trust_foreign, [&](int, const std::string& hex, const struct stat& status) {
    entries.push_back({hex, status});
    bytes += status.st_size;
  });
  auto count = static_cast<std::int64_t>(entries.size());
  if (bytes <= limits.max_bytes && count <= limits.max_entries) return 0;

  std::sort(entries.begin(), entries.end(), used_earlier);
  std::int64_t removed = 0;
  for (const Candidate& entry : entries) {
    const bool enough = bytes <= four_fifths(limits.max_bytes) && count <= four_fifths(limits.max_entries);
    if (enough && entry.status.st_mtim.tv_sec <= now) continue;
    try {
      const Fd folder = open_shard(root, shard_of(entry.hex), {.create = false, .trust_foreign = trust_foreign});
      if (!still_unused(folder.get(), entry)) continue;
      const std::string name = file_name(entry.hex);
      if (enough) {
        // A stamp from the future would keep its entry for ever; from now on it ages.
        ::utimensat(folder.get(), name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
        continue;
      }
      if (::unlinkat(folder.get(), name.c_str(), 0) != 0) continue;
    } catch (const std::exception&) {  // its folder is gone, or no longer ours to enter
      continue;
    }
    ++removed;
    --count;
    bytes -= entry.status.st_size;
  }
  return removed;
}

bool is_abandoned(const struct stat& status, std::int64_t now) {
  const std::int64_t age = now - status.st_mtim.tv_sec;
  return age > temp_file_age || age < -temp_file_age;
}

void sweep_temp_files(int root, bool trust_foreign, std::int64_t now) {
  for_each_temp_file(root, trust_foreign, [&](int folder, const char* name, const struct stat& status) {
    if (is_abandoned(status, now)) unlink_same(folder, name, status);
  });
}

PruneSchedule::PruneSchedule(const Limits& limits)
    : bytes_per_look_(std::max(1.0, share_per_look * static_cast<double>(limits.max_bytes))),
      entries_per_look_(std::max(1.0, share_per_look * static_cast<double>(limits.max_entries))),
      progress_(random_share()) {}

bool PruneSchedule::published(std::int64_t bytes) {
  progress_ += std::max(1 / entries_per_look_, static_cast<double>(bytes) / bytes_per_look_);
  if (progress_ < 1) return false;
  progress_ = 0;
  return true;
}

}  // namespace unstride::cache
