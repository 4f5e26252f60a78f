#include "cache/publish.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <system_error>

#include "cache/entry_file.h"

namespace unstride::cache {

namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// Nobody can know the name beforehand and put a link there; O_EXCL says so if they did.
std::string unpredictable_name() {
  std::array<std::uint8_t, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) fail(errno, "getrandom");
  return to_hex(random) + ".tmp";
}

class TempFile {
 public:
  explicit TempFile(int folder) : folder_(folder), name_(unpredictable_name()) {
    file_ = open_at(folder_, name_.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!file_) fail(errno, "creating a file in tmp");
    there_ = true;
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() {
    if (there_) ::unlinkat(folder_, name_.c_str(), 0);
  }

  // On stable storage when it returns: rename() must not come before the data, or a crash would leave an empty entry.
  void write(std::string_view bytes) {
    if (!write_all(file_.get(), bytes)) fail(errno, "writing");
    // EINVAL: a file system that has no such notion.
    if (::fsync(file_.get()) != 0 && errno != EINVAL) fail(errno, "fsync");
    // Where writes are delayed (NFS), this is where a full disk or a quota shows.
    if (!file_.close()) fail(errno, "closing");
  }

  void rename_to(int folder, const std::string& name) {
    if (::renameat(folder_, name_.c_str(), folder, name.c_str()) != 0) fail(errno, "renaming to " + name);
    there_ = false;
  }

 private:
  int folder_;
  std::string name_;
  Fd file_;
  bool there_ = false;
};

// A write beyond `ulimit -f` would kill the process (SIGXFSZ) where all others only fail.
void check_file_size_limit(std::size_t size) {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur)
    fail(EFBIG, "ulimit -f");
}

}  // namespace

void publish_file(int root, const std::string& hex, std::string_view bytes, bool trust_foreign) {
  check_file_size_limit(bytes.size());
  const FolderRules rules{.create = true, .trust_foreign = trust_foreign};
  const Fd shard = open_shard(root, shard_of(hex), rules);
  const Fd temp = open_subfolder(root, temp_folder, rules);
  TempFile file(temp.get());
  file.write(bytes);
  file.rename_to(shard.get(), file_name(hex));
}

}  // namespace unstride::cache
