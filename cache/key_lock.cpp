// Locks of open file descriptions (F_OFD_SETLK): unlike POSIX record locks they exclude threads of one process too, and
// are not lost when some other code of the process closes the file.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <thread>

#include "cache/entry_file.h"
#include "cache/file_io.h"
#include "cache/safe_folder.h"
#include "cache/single_flight.h"

namespace unstride::cache {

namespace {

constexpr const char* lock_file = "locks";

// Each key has one of 2^20 slots. Two keys that share one wait for each other needlessly, and nothing worse.
constexpr int slot_bits = 20;
constexpr off_t slot_size = 16;  // a process number as text, padded; the file has holes for what was never used

constexpr std::chrono::microseconds first_pause{500}, longest_pause{20'000};

off_t slot_of(const Key& key) {
  const Digest& digest = key.digest();
  const std::uint32_t bits = std::uint32_t{digest[0]} << 16 | std::uint32_t{digest[1]} << 8 | digest[2];
  return slot_size * static_cast<off_t>(bits >> (24 - slot_bits));
}

bool set_lock(int fd, off_t slot, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = slot;
  range.l_len = slot_size;
  for (;;) {
    if (::fcntl(fd, F_OFD_SETLK, &range) == 0) return true;
    if (errno != EINTR) return false;
  }
}

bool is_private(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

// Empty, with the reason, where there is no lock file that only this user can open.
Fd open_lock_file(const std::string& folder, std::string& reason) {
  const Fd dir = open_at(AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY);
  struct stat status {};
  if (!dir || ::fstat(dir.get(), &status) != 0) {
    reason = fmt::format("{}: {}", folder, error_text(errno));
    return {};
  }
  if (!is_private(status)) {
    reason = fmt::format("{} is not a private folder of this user: chmod 700 it", folder);
    return {};
  }
  Fd file = open_at(dir.get(), lock_file, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, 0600);
  if (!file || ::fstat(file.get(), &status) != 0) {
    reason = fmt::format("{}/{}: {}", folder, lock_file, error_text(errno));
    return {};
  }
  if (!S_ISREG(status.st_mode) || !is_private(status)) {
    reason = fmt::format("{}/{} is not a private file of this user: remove it", folder, lock_file);
    return {};
  }
  return file;
}

void write_holder(int fd, off_t slot, const std::string& text) {
  // Only a courtesy to those who wait: nothing is lost when the disk is full.
  const std::string padded = fmt::format("{:<16}", text);
  static_cast<void>(!::pwrite(fd, padded.data(), static_cast<std::size_t>(slot_size), slot));
}

// "process 4711 (make_kernels)"
std::string holder(int fd, off_t slot) {
  std::array<char, slot_size> text{};
  long pid = 0;
  if (::pread(fd, text.data(), text.size(), slot) > 0) std::from_chars(text.begin(), text.end(), pid);
  if (pid <= 0) return "an unknown process";
  std::string name;
  std::ifstream(fmt::format("/proc/{}/comm", pid)) >> name;
  return fmt::format("process {}", pid) + (name.empty() ? "" : " (" + name + ")");
}

std::string private_subfolder(const std::string& parent, const char* name, bool remote_too) {
  const SafeFolder above = open_safe_folder(parent, {});
  if (!above.fd) return {};
  const SafeFolder folder = open_safe_subfolder(above.fd.get(), name, {.create = true});
  struct stat status {};
  if (!folder.fd || ::fstat(folder.fd.get(), &status) != 0 || !is_private(status)) return {};
  struct statfs system {};
  if (!remote_too && ::fstatfs(folder.fd.get(), &system) == 0) {
    // There, locks hang when a server or its lock daemon does, and hold up other machines.
    constexpr std::array<std::uint32_t, 9> remote{NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,       SMB2_SUPER_MAGIC,
                                                  CIFS_SUPER_MAGIC, CEPH_SUPER_MAGIC,      V9FS_MAGIC,
                                                  AFS_SUPER_MAGIC,  0x0BD00BD0 /*Lustre*/, 0x47504653 /*GPFS*/};
    if (std::find(remote.begin(), remote.end(), static_cast<std::uint32_t>(system.f_type)) != remote.end()) return {};
  }
  return parent + "/" + name;
}

}  // namespace

struct KeyLock::Impl {
  Fd file;
  off_t slot = 0;
  bool held = false;
};

KeyLock::KeyLock(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KeyLock::~KeyLock() {
  if (!impl_->held) return;
  write_holder(impl_->file.get(), impl_->slot, "");
  // Explicitly: a child that was forked meanwhile shares the description, and would keep the lock.
  set_lock(impl_->file.get(), impl_->slot, F_UNLCK);
}

bool KeyLock::held() const noexcept {
  return impl_->held;
}

std::unique_ptr<KeyLock> KeyLock::acquire(const std::string& lock_folder, const Key& key,
                                          std::chrono::milliseconds limit, const Report& report) {
  using Clock = std::chrono::steady_clock;  // jumps of the time of day do not count
  auto impl = std::make_unique<Impl>();
  const auto without = [&](const std::string& why) {
    if (!why.empty() && report) report(why);
    return std::unique_ptr<KeyLock>(new KeyLock(std::move(impl)));
  };
  if (lock_folder.empty()) return without("");
  std::string reason;
  impl->file = open_lock_file(lock_folder, reason);
  if (!impl->file) return without("no lock, so processes may compile the same kernel at once: " + reason);

  impl->slot = slot_of(key);
  const auto begin = Clock::now();
  for (std::chrono::microseconds pause = first_pause;; pause = std::min(pause * 5 / 4, longest_pause)) {
    if (set_lock(impl->file.get(), impl->slot, F_WRLCK)) break;
    if (errno != EAGAIN && errno != EACCES)
      return without(fmt::format("no lock, so processes may compile the same kernel at once: {}/{}: {}", lock_folder,
                                 lock_file, error_text(errno)));
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(begin + limit - Clock::now());
    if (left.count() <= 0)
      return without(fmt::format("waited {:.1f} s for {}, which compiles the same kernel; compiling it here too",
                                 std::chrono::duration<double>(limit).count(), holder(impl->file.get(), impl->slot)));
    std::this_thread::sleep_for(std::min(pause, left));
  }
  impl->held = true;
  write_holder(impl->file.get(), impl->slot, std::to_string(::getpid()));
  return std::unique_ptr<KeyLock>(new KeyLock(std::move(impl)));
}

std::string lock_folder(const std::string& xdg_runtime_dir, const std::string& root) {
  if (!xdg_runtime_dir.empty())
    if (std::string folder = private_subfolder(xdg_runtime_dir, "unstride", true); !folder.empty()) return folder;
  return private_subfolder(root, lock_folder_name, false);
}

}  // namespace unstride::cache
