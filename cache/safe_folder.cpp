#include "cache/safe_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <deque>

namespace unstride::cache {

namespace {

constexpr int max_symlinks = 40;  // as the kernel

SafeFolder failed(const std::string& path, int error) {
  return {Fd(), error, fmt::format("{}: {}", path, error_text(error))};
}

SafeFolder refused(const std::string& path, const std::string& why) {
  return {Fd(), 0, fmt::format("{} {}", path, why)};
}

std::string owner_at_fault(const struct stat& status) {
  if (status.st_uid == 0 || status.st_uid == ::geteuid()) return {};
  return fmt::format("belongs to user {}, who could have put kernels there", status.st_uid);
}

// Puts the components of a path before those that are still to be walked.
void push_components(std::deque<std::string>& rest, const std::string& path) {
  std::deque<std::string> parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    if (end > at && path.substr(at, end - at) != ".") parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  rest.insert(rest.begin(), parts.begin(), parts.end());
}

// Existing, or made now. Somebody else who makes it at the same moment is as good.
Fd open_or_make(int folder, const char* name, bool create) {
  constexpr int flags = O_PATH | O_DIRECTORY;
  Fd fd = open_at(folder, name, flags);
  if (fd || errno != ENOENT || !create) return fd;
  if (::mkdirat(folder, name, 0700) != 0 && errno != EEXIST) return fd;
  return open_at(folder, name, flags);
}

}  // namespace

std::string distrust(const struct stat& status, Place place) {
  if (std::string why = owner_at_fault(status); !why.empty()) return why;
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  const bool is_shared = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;  // /tmp: open to all on purpose
  if (!others_write || (is_shared && place == Place::on_the_way)) return {};
  if (is_shared)
    return fmt::format(
        "has mode {:04o}, so any user can put kernels there: use a folder inside it, or elsewhere, that "
        "only you can write to",
        status.st_mode & 07777);
  return fmt::format("has mode {:04o}, so other users could have put kernels there: chmod go-w it",
                     status.st_mode & 07777);
}

SafeFolder open_safe_subfolder(int folder, const char* name, const FolderRules& rules) {
  Fd fd = open_or_make(folder, name, rules.create);
  if (!fd) return failed(name, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(name, errno);
  if (!rules.trust_foreign)
    if (const std::string why = distrust(status, Place::in_use); !why.empty()) return refused(name, why);
  return {std::move(fd), 0, {}};
}

SafeFolder open_safe_folder(const std::string& path, const FolderRules& rules) {
  if (path.empty() || path.front() != '/') return refused("\"" + path + "\"", "is not an absolute path");
  std::deque<std::string> rest;
  push_components(rest, path);
  std::string walked;
  int symlinks = 0;
  Fd here = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
  for (;;) {
    const std::string shown = walked.empty() ? "/" : walked;
    struct stat status {};
    if (!here || ::fstat(here.get(), &status) != 0) return failed(shown, errno);
    if (!rules.trust_foreign) {
      const std::string why = distrust(status, rest.empty() ? Place::in_use : Place::on_the_way);
      if (!why.empty()) return refused(shown, why);
    }
    if (rest.empty()) return {std::move(here), 0, {}};

    const std::string name = rest.front();
    rest.pop_front();
    const std::string next = walked + "/" + name;
    struct stat link {};
    if (::fstatat(here.get(), name.c_str(), &link, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(link.st_mode)) {
      if (const std::string why = owner_at_fault(link); !why.empty() && !rules.trust_foreign)
        return refused(next, "is a symbolic link that " + why);
      if (++symlinks > max_symlinks) return failed(next, ELOOP);
      std::array<char, PATH_MAX> target{};
      const ssize_t length = ::readlinkat(here.get(), name.c_str(), target.data(), target.size());
      if (length < 0) return failed(next, errno);
      const std::string to(target.data(), static_cast<std::size_t>(length));
      push_components(rest, to);
      if (to.starts_with('/')) {
        here = open_at(AT_FDCWD, "/", O_PATH | O_DIRECTORY);
        walked.clear();
      }
      continue;
    }
    Fd child = open_or_make(here.get(), name.c_str(), rules.create);
    if (!child) return failed(next, errno);
    here = std::move(child);
    walked = next;
  }
}

}  // namespace unstride::cache
