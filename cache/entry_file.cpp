#include "cache/entry_file.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <system_error>

namespace unstride::cache {

namespace {

constexpr std::size_t hex_digits = 2 * sizeof(Digest);
constexpr std::string_view suffix = ".usk";

// Most entries fit, so that one read() takes header and payload.
constexpr std::size_t first_read = 64 << 10;

[[noreturn]] void fail(int error, const std::string& path) {
  throw std::system_error(error, std::generic_category(), path);
}

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// The beginning, up to the payload at least.
std::string read_beginning(const EntryFile& entry, std::size_t first) {
  if (!entry.file) throw CorruptEntry("not a plain file");
  const std::int64_t size = entry.status.st_size;
  std::string bytes;
  if (!read_until(entry.file.get(), bytes, std::min(first, static_cast<std::size_t>(size)))) fail(errno, entry.name);
  const auto end = static_cast<std::size_t>(payload_offset(bytes, size));
  if (!read_until(entry.file.get(), bytes, end)) fail(errno, entry.name);
  return bytes;
}

}  // namespace

std::string version_folder() {
  return fmt::format("v{}", format_version);
}

std::string shard_of(const std::string& hex) {
  return hex.substr(0, 2);
}

std::string file_name(const std::string& hex) {
  return hex + std::string(suffix);
}

std::string hex_of(std::string_view name) {
  if (name.size() != hex_digits + suffix.size() || !name.ends_with(suffix)) return {};
  name.remove_suffix(suffix.size());
  return std::all_of(name.begin(), name.end(), is_lower_hex) ? std::string(name) : std::string();
}

Fd open_subfolder(int root, const char* name, const FolderRules& rules) {
  SafeFolder folder = open_safe_subfolder(root, name, rules);
  if (folder.fd) return std::move(folder.fd);
  if (folder.error == 0) throw Refused(folder.reason);
  if (folder.error == ELOOP || folder.error == ENOTDIR)
    throw Refused(std::string(name) + " is not a folder: remove it, it is made again");
  fail(folder.error, name);
}

Fd open_shard(int root, const std::string& shard, const FolderRules& rules) {
  const Fd version = open_subfolder(root, version_folder().c_str(), rules);
  return open_subfolder(version.get(), shard.c_str(), rules);
}

std::optional<EntryFile> open_entry(int root, const std::string& hex, bool trust_foreign) {
  EntryFile entry;
  entry.name = file_name(hex);
  try {
    entry.folder = open_shard(root, shard_of(hex), {.create = false, .trust_foreign = trust_foreign});
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT) return std::nullopt;
    throw;
  }
  // O_NONBLOCK: a pipe planted here must not hang its reader.
  entry.file = open_at(entry.folder.get(), entry.name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  const int error = entry.file ? 0 : errno;
  if (error == ENOENT) return std::nullopt;
  const int seen = entry.file ? ::fstat(entry.file.get(), &entry.status)
                              : ::fstatat(entry.folder.get(), entry.name.c_str(), &entry.status, AT_SYMLINK_NOFOLLOW);
  if (seen != 0) {
    if (errno == ENOENT) return std::nullopt;
    fail(errno, entry.name);
  }
  if (!S_ISREG(entry.status.st_mode)) {
    entry.file = Fd();
    return entry;
  }
  if (!entry.file) fail(error, entry.name);
  if (!trust_foreign)
    if (const std::string why = distrust(entry.status, Place::in_use); !why.empty())
      throw Refused(entry.name + " " + why);
  return entry;
}

std::string read_entry(const EntryFile& entry) {
  std::string bytes = read_beginning(entry, first_read);
  const auto size = static_cast<std::size_t>(entry.status.st_size);
  if (bytes.size() < size) {
    // Believes the size of the file only when the header, checked, says the same: a file may be one large hole.
    static_cast<void>(decode_header(bytes, entry.status.st_size));
    if (!read_until(entry.file.get(), bytes, size)) fail(errno, entry.name);
  }
  return bytes;
}

Header read_entry_header(const EntryFile& entry) {
  return decode_header(read_beginning(entry, 4 << 10), entry.status.st_size);
}

void for_each_entry(int root, bool trust_foreign,
                    const std::function<void(int folder, const std::string& hex, const struct stat& status)>& f) {
  const FolderRules rules{.create = false, .trust_foreign = trust_foreign};
  const SafeFolder version = open_safe_subfolder(root, version_folder().c_str(), rules);
  if (!version.fd) return;
  for_each_name(version.fd.get(), [&](const char* shard) {
    if (std::string_view(shard).size() != 2) return;
    const SafeFolder folder = open_safe_subfolder(version.fd.get(), shard, rules);
    if (!folder.fd) return;
    for_each_name(folder.fd.get(), [&](const char* name) {
      const std::string hex = hex_of(name);
      struct stat status {};
      if (hex.empty() || shard_of(hex) != shard) return;
      if (::fstatat(folder.fd.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0) f(folder.fd.get(), hex, status);
    });
  });
}

void for_each_temp_file(int root, bool trust_foreign,
                        const std::function<void(int folder, const char* name, const struct stat& status)>& f) {
  const SafeFolder folder = open_safe_subfolder(root, temp_folder, {.create = false, .trust_foreign = trust_foreign});
  if (!folder.fd) return;
  for_each_name(folder.fd.get(), [&](const char* name) {
    struct stat status {};
    if (::fstatat(folder.fd.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0) f(folder.fd.get(), name, status);
  });
}

}  // namespace unstride::cache
