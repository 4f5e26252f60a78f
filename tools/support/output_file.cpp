#include "tools/support/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include "unstride/error.hpp"

namespace unstride::tools {
namespace {

namespace fs = std::filesystem;

// A file descriptor whose every failure is an Error that names the file the user asked for.
class OutputFile {
 public:
  OutputFile(const fs::path& opened, int flags, const fs::path& named)
      : named_(named), fd_(::open(opened.c_str(), flags | O_WRONLY | O_CLOEXEC, 0666)) {
    if (fd_ < 0) fail();
  }
  ~OutputFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void close() {
    if (::close(std::exchange(fd_, -1)) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(fmt::format("{}: cannot write: {}", named_.string(), std::generic_category().message(errno)));
  }

  const fs::path& named_;
  int fd_;
};

}  // namespace

void write_file(const fs::path& path, std::initializer_list<std::string_view> pieces) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    OutputFile file(path, 0, path);
    for (const std::string_view piece : pieces) file.write(piece);
    return file.close();
  }

  const fs::path target = fs::exists(status) ? fs::canonical(path) : path;  // the file that a link names, not the link
  const fs::path temporary = fmt::format("{}.{:08x}.tmp", target.string(), std::random_device{}());
  OutputFile file(temporary, O_CREAT | O_EXCL, path);
  try {
    for (const std::string_view piece : pieces) file.write(piece);
    file.close();
    fs::rename(temporary, target);
  } catch (const fs::filesystem_error& e) {
    fs::remove(temporary, ignored);
    throw Error(fmt::format("{}: cannot write: {}", path.string(), e.code().message()));
  } catch (...) {
    fs::remove(temporary, ignored);
    throw;
  }
}

}  // namespace unstride::tools
