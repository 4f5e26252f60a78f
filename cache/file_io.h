// System calls on files as the cache needs them: never following a symbolic link in the last component, never
// inherited by a new program, retried when a signal comes.
#pragma once

#include <sys/stat.h>

#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace unstride::cache {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  /// False, with errno, when the system could not keep what was written.
  bool close();

 private:
  int fd_ = -1;
};

/// Adds O_CLOEXEC and O_NOFOLLOW. Empty, with errno, when it fails.
Fd open_at(int folder, const char* name, int flags, mode_t mode = 0);

/// Reads on until `bytes` has `size` bytes, or the file ends (then it is shorter). False, with errno, on failure.
bool read_until(int fd, std::string& bytes, std::size_t size);
bool write_all(int fd, std::string_view bytes);

/// Calls f for the name of everything in a folder but "." and "..". False, with errno, on failure.
bool for_each_name(int folder, const std::function<void(const char* name)>& f);

bool same_file(const struct stat& a, const struct stat& b);

/// Removes `name` if it is still the file that was seen. The caller holds that file open, or has just looked, so that
/// its inode number cannot have been given to another.
bool unlink_same(int folder, const char* name, const struct stat& seen);

/// "No space left on device"
std::string error_text(int error);

}  // namespace unstride::cache
