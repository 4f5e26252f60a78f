// One compilation at a time for each key, among the threads of a process and among the processes of a machine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "cache/entry.h"
#include "cache/key.h"
#include "cache/report.h"

namespace unstride::cache {

/// Held while a process works on a key. An OFD lock on 16 bytes of one file that is never deleted, which hold the
/// holder's process number. The kernel frees it when its holder dies.
class KeyLock {
 public:
  /// Waits for at most `limit`, then gives up and reports which process was waited for. Never throws: where no lock
  /// file can be had (no folder, read-only), there is no lock, and work may be done twice.
  static std::unique_ptr<KeyLock> acquire(const std::string& lock_folder, const Key& key,
                                          std::chrono::milliseconds limit, const Report& report);
  ~KeyLock();
  bool held() const noexcept;

 private:
  struct Impl;
  explicit KeyLock(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// $XDG_RUNTIME_DIR/unstride where it is a private folder of this user, else <root>/lock where that is not on a network
/// file system. Created 0700; empty if neither can be had.
std::string lock_folder(const std::string& xdg_runtime_dir, const std::string& root);

struct SingleFlightOptions {
  /// Where locks go: lock_folder(xdg_runtime_dir, root), asked for at the first miss. With neither, only the threads of
  /// this process wait for each other.
  std::string xdg_runtime_dir = {}, root = {};
  std::chrono::milliseconds lock_limit = std::chrono::seconds(60);  ///< how long to wait for another process
  Report report = {};
};

/// Finds an entry or builds it, once for all who ask at the same time.
class SingleFlight {
 public:
  using Result = std::shared_ptr<const Entry>;

  explicit SingleFlight(SingleFlightOptions options);
  ~SingleFlight();

  /// find() looks it up (null: a miss); build() makes it and publishes it. Of the threads here, one does either while
  /// the others wait for its result. Before building, that one waits its turn among the processes and looks up again.
  /// What build() or find() throws reaches every waiter, and nothing is remembered: the next call tries anew. Neither
  /// may call run() for the same key.
  Result run(const Key& key, const std::function<Result()>& find, const std::function<Result()>& build);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace unstride::cache
