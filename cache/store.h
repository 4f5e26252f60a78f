// A folder of entries that many processes share, on any file system, with no database and no global lock.
//
//   <root>/v1/ab/<64 hex digits>.usk   one self-describing file for each entry
//   <root>/tmp/                        files on their way there
//
// Everything is reached by openat() from a verified descriptor of the root, never following a symbolic link. Publishing
// is a temp file, fsync and rename: a reader sees a whole entry or none. Whatever cannot be verified is a miss.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/entry.h"
#include "cache/report.h"

namespace unstride::cache {

struct Limits {
  std::int64_t max_bytes = std::int64_t{2} << 30;
  std::int64_t max_entries = 100'000;
};

struct StoreOptions {
  std::string root;
  bool writable = true;
  /// Accept a root, or an ancestor of it, that another user could have written. Loading a kernel runs its code.
  bool trust_foreign_root = false;
  Limits limits = {};
  Report report = {};
};

struct EntryInfo {
  std::string hex;
  std::int64_t bytes = 0;      ///< of the file
  std::int64_t last_used = 0;  ///< seconds since the epoch
  Header header;               ///< empty fields where it could not be read
};

struct StoreStats {
  std::int64_t entries = 0, bytes = 0, temp_files = 0;
};

struct FsckReport {
  std::int64_t checked = 0, bytes = 0;
  std::vector<std::string> corrupt;  ///< "<hex>: why"
  std::int64_t removed = 0;
};

class Store {
 public:
  /// Creates the root (0700) if it may. Null, with the reason reported once, where the root cannot be used: missing and
  /// not to be created, not a folder, not trustworthy. A root that can only be read is used read-only.
  static std::unique_ptr<Store> open(const StoreOptions& options);
  ~Store();

  /// The entry, verified to the last byte, or nothing. Something corrupt is unlinked (that very file) and reported
  /// once. A hit renews the time stamp of the entry, at most every few minutes.
  std::optional<Entry> find(const Key& key);

  /// Makes the entry visible to all. Never throws for a full disk, a read-only file system or missing permissions: it
  /// says so once and stops writing. True when the entry is there.
  bool publish(const Key& key, const Entry& entry);

  /// Takes out an entry that a loader rejected. Nothing happens in a read-only store.
  void remove(const Key& key);

  std::vector<EntryInfo> list() const;  ///< by hex
  StoreStats stats() const;             ///< cheap: no entry is opened
  /// Reads and verifies every byte of every entry.
  FsckReport fsck(bool remove_corrupt);
  /// When a limit is exceeded, removes the least recently used down to 80 % of the limits. Removes temp files left by
  /// the dead in any case. Returns how many entries were removed. publish() does the same now and then.
  std::int64_t prune(const Limits& limits);
  std::int64_t clear();  ///< Removes all entries and temp files. Returns how many entries.

  const std::string& root() const noexcept;
  /// False from the start, or since the first write that the system refused.
  bool writable() const noexcept;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace unstride::cache
