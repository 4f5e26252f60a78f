#include "cache/bundle_output.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <vector>

#include "cache/key.h"
#include "cache/prune.h"
#include "unstride/error.hpp"

namespace unstride::cache {

namespace {

constexpr std::string_view temp_prefix = ".unstride-", temp_suffix = ".tmp";
constexpr std::size_t random_bytes = 8;

// Not to be guessed, so that nobody can have put a file there; O_EXCL refuses one all the same.
std::string temp_name() {
  std::array<std::uint8_t, random_bytes> random = {};
  randombytes_buf(random.data(), random.size());
  return std::string(temp_prefix) + to_hex(random) + std::string(temp_suffix);
}

bool is_temp_name(std::string_view name) {
  return name.starts_with(temp_prefix) && name.ends_with(temp_suffix) &&
         name.size() == temp_prefix.size() + 2 * random_bytes + temp_suffix.size();
}

// What writers who were killed have left. Best effort: it hinders nobody.
void sweep(int folder, std::int64_t now) {
  for_each_name(folder, [&](const char* name) {
    struct stat status = {};
    if (!is_temp_name(name) || ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISREG(status.st_mode) && status.st_uid == ::geteuid() && is_abandoned(status, now))
      unlink_same(folder, name, status);
  });
}

}  // namespace

BundleOutput::BundleOutput(const std::string& path) : path_(path) {
  const std::size_t slash = path.rfind('/');
  name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (name_.empty() || name_ == "." || name_ == "..") throw Error("bundle '" + path + "': give the name of a file");

  folder_ = Fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) fail("cannot open its folder");
  sweep(folder_.get(), time_now());
  const std::string temp = temp_name();
  // Readable for all, as an image needs it, and never writable for others: such a bundle would be refused.
  file_ = open_at(folder_.get(), temp.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (!file_) fail("cannot create a file in its folder");
  temp_name_ = temp;
}

BundleOutput::~BundleOutput() {
  if (!temp_name_.empty()) ::unlinkat(folder_.get(), temp_name_.c_str(), 0);
}

void BundleOutput::append(std::string_view bytes) {
  if (!write_all(file_.get(), bytes)) fail("cannot write");
}

void BundleOutput::commit() {
  if (::fsync(file_.get()) != 0) fail("cannot flush to disk");
  // Some network file systems say only here that a write failed.
  if (!file_.close()) fail("cannot close");
  if (::renameat(folder_.get(), temp_name_.c_str(), folder_.get(), name_.c_str()) != 0)
    fail("cannot rename into place");
  temp_name_.clear();
  // Best effort: not every file system can. The bundle is there and whole; a power cut could bring the old one back.
  ::fsync(folder_.get());
}

void BundleOutput::fail(const std::string& doing) const {
  throw Error("bundle " + path_ + ": " + doing + ": " + error_text(errno));
}

}  // namespace unstride::cache
