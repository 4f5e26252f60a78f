#include "cache/bundle_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>

#include "cache/bundle_format.h"
#include "cache/safe_folder.h"

namespace unstride::cache {

namespace {

// O_NONBLOCK: opening a named pipe must not wait for its writer. It means nothing to a regular file.
constexpr int open_flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;

[[noreturn]] void foreign(const std::string& why) {
  throw UnusableBundle(why +
                       ", or sign the bundle and trust its key, or trust it as it is (CacheOptions::trust_foreign)");
}

[[noreturn]] void not_opened(int error) {
  if (error == ELOOP) throw UnusableBundle("it is a symbolic link: name the file that it points to");
  throw UnusableBundle(fmt::format("it cannot be opened: {}: check the path and its permissions", error_text(error)));
}

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, PATH_MAX> folder{};
  if (::getcwd(folder.data(), folder.size()) == nullptr) not_opened(errno);
  return std::string(folder.data()) + '/' + path;
}

/// The folders first, and from the last of them the file: what was checked is what is opened.
Fd open_in_safe_folder(const std::string& path) {
  const std::string whole = absolute(path);
  const std::size_t slash = whole.rfind('/');
  const SafeFolder folder = open_safe_folder(whole.substr(0, slash + 1), {});
  if (!folder.fd) {
    if (folder.error != 0) throw UnusableBundle("it cannot be opened: " + folder.reason + ": check the path");
    foreign(folder.reason);
  }
  return open_at(folder.fd.get(), whole.c_str() + slash + 1, open_flags);
}

}  // namespace

BundleFile::BundleFile(const std::string& path, bool check_owners)
    : fd_(check_owners ? open_in_safe_folder(path) : open_at(AT_FDCWD, path.c_str(), open_flags)) {
  if (!fd_) not_opened(errno);
  struct stat status = {};
  if (::fstat(fd_.get(), &status) != 0) not_opened(errno);
  if (!S_ISREG(status.st_mode)) throw UnusableBundle("it is not a regular file: check the path");
  if (check_owners)
    if (const std::string why = distrust(status, Place::in_use); !why.empty()) foreign("it " + why);
  size_ = static_cast<std::uint64_t>(status.st_size);
}

void BundleFile::read(std::uint64_t offset, std::span<char> to) const {
  while (!to.empty()) {
    const ssize_t count = ::pread(fd_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw UnusableBundle("it cannot be read: " + error_text(errno) + ": check the file system");
    if (count == 0) {
      throw UnusableBundle("it was cut while it was open: write it again, and replace it by renaming, never in place");
    }
    offset += static_cast<std::uint64_t>(count);
    to = to.subspan(static_cast<std::size_t>(count));
  }
}

}  // namespace unstride::cache
