// What the two halves of Store share: store.cpp has the way of a kernel, store_upkeep.cpp the care of the folder.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "cache/file_io.h"
#include "cache/prune.h"
#include "cache/store.h"

namespace unstride::cache {

struct EntryFile;

struct Store::Impl {
  explicit Impl(const StoreOptions& given)
      : options(given), report(given.report), writable(given.writable), schedule(given.limits) {}

  /// Held by whoever works in it, so that reopen() closes nothing under their feet.
  std::shared_ptr<const Fd> root() const;
  /// Walks to the root again: it was removed, or went stale on a network file system. Empty, or why it failed.
  std::string reopen();

  bool trusts_foreign() const noexcept { return options.trust_foreign_root; }
  /// For messages.
  std::string path_of(const std::string& hex) const;

  /// Unlinks that very file where it may. True if it did.
  bool drop(const EntryFile& entry) const;
  void report_corrupt(const std::string& hex, const std::string& why, bool removed);
  /// `what` says what failed, with the path.
  void report_unwritten(int error, const std::string& what);
  /// After a publication of this many bytes.
  void tidy(std::int64_t bytes);

  const StoreOptions options;
  ReportOnce report;
  std::atomic<bool> writable;

  mutable std::mutex mutex;  // of all below
  std::shared_ptr<const Fd> root_fd;
  PruneSchedule schedule;
  bool swept = false;
};

}  // namespace unstride::cache
