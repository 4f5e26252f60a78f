// Other processes, made by fork() alone: a test has one thread whenever it makes one.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

namespace unstride::cache::testing {

class Child {
 public:
  /// Runs `work` in a new process, which ends with what it returns. 99: it threw. Killed if it outlives this object.
  explicit Child(const std::function<int()>& work);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  /// Exit code, or -signal.
  int wait();
  void wait_until_stopped() const;

 private:
  pid_t pid_;
};

inline constexpr int child_skips = 77;

/// For good, in this process: an unprivileged user, or the same one when that is not allowed. True when root became
/// `uid`.
inline constexpr unsigned other_uid = 65534;
bool become_other_user();

/// A file system in memory at `folder`, seen by this process alone. Empty, or why not.
std::string mount_in_memory(const std::string& folder, const std::string& options);

}  // namespace unstride::cache::testing
