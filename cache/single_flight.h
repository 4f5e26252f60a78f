// One compilation at a time for each key, among the threads of a process and among the processes of a machine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

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

/// $XDG_RUNTIME_DIR/unstride where it is a private folder of this user, else <root>/lock. Created 0700; empty if
/// neither can be had.
std::string lock_folder(const std::string& xdg_runtime_dir, const std::string& root);

}  // namespace unstride::cache
