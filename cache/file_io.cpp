#include "cache/file_io.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>

namespace unstride::cache {

namespace {

template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  const int error = errno;  // whoever looks at errno means the call before
  if (fd_ >= 0) ::close(fd_);
  errno = error;
}

bool Fd::close() {
  const int fd = std::exchange(fd_, -1);
  // Never closed again: on Linux the descriptor is gone whatever close() returns.
  return ::close(fd) == 0 || errno == EINTR;
}

Fd open_at(int folder, const char* name, int flags, mode_t mode) {
  return Fd(retried([&] { return ::openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW, mode); }));
}

bool read_until(int fd, std::string& bytes, std::size_t size) {
  std::size_t had = bytes.size();
  if (had >= size) return true;
  bytes.resize(size);
  while (had < size) {
    const ssize_t n = retried([&] { return ::read(fd, bytes.data() + had, size - had); });
    if (n < 0) return false;
    if (n == 0) break;
    had += static_cast<std::size_t>(n);
  }
  bytes.resize(had);
  return true;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool for_each_name(int folder, const std::function<void(const char* name)>& f) {
  Fd again = open_at(folder, ".", O_RDONLY | O_DIRECTORY);
  if (!again) return false;
  struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(again.get()));
  if (!dir) return false;
  again.release();  // dir owns it
  for (;;) {
    errno = 0;
    const dirent* item = ::readdir(dir.get());
    if (item == nullptr) return errno == 0;
    const std::string_view name = item->d_name;
    if (name != "." && name != "..") f(item->d_name);
  }
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool unlink_same(int folder, const char* name, const struct stat& seen) {
  struct stat now {};
  if (::fstatat(folder, name, &now, AT_SYMLINK_NOFOLLOW) != 0 || !same_file(now, seen)) return false;
  return ::unlinkat(folder, name, 0) == 0;
}

std::string error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace unstride::cache
