// Listing, counting, verifying, pruning, clearing: what goes over all entries.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "cache/entry_file.h"
#include "cache/store.h"
#include "cache/store_impl.h"

namespace unstride::cache {

namespace {

// The key that an entry says it is for, verified to the last byte. Throws CorruptEntry, or what open_entry() throws.
void verify(const EntryFile& file, const std::string& hex) {
  if (Key(decode(read_entry(file)).key_fields).hex() != hex) throw CorruptEntry("holds another key");
}

}  // namespace

std::vector<EntryInfo> Store::list() const {
  std::vector<EntryInfo> entries;
  const auto root = impl_->root();
  const std::int64_t now = time_now();
  for_each_entry(root->get(), impl_->trusts_foreign(), [&](int, const std::string& hex, const struct stat& status) {
    entries.push_back({.hex = hex, .bytes = status.st_size, .last_used = last_used(status, now), .header = {}});
    try {
      if (const auto file = open_entry(root->get(), hex, impl_->trusts_foreign()))
        entries.back().header = read_entry_header(*file);
    } catch (const std::runtime_error&) {  // listed all the same; fsck() says what is wrong
    }
  });
  std::sort(entries.begin(), entries.end(), [](const EntryInfo& a, const EntryInfo& b) { return a.hex < b.hex; });
  return entries;
}

StoreStats Store::stats() const {
  StoreStats stats;
  const auto root = impl_->root();
  for_each_entry(root->get(), impl_->trusts_foreign(), [&](int, const std::string&, const struct stat& status) {
    ++stats.entries;
    stats.bytes += status.st_size;
  });
  for_each_temp_file(root->get(), impl_->trusts_foreign(),
                     [&](int, const char*, const struct stat&) { ++stats.temp_files; });
  return stats;
}

FsckReport Store::fsck(bool remove_corrupt) {
  FsckReport result;
  const auto root = impl_->root();
  for_each_entry(root->get(), impl_->trusts_foreign(), [&](int, const std::string& hex, const struct stat& status) {
    ++result.checked;
    result.bytes += status.st_size;
    try {
      const auto file = open_entry(root->get(), hex, impl_->trusts_foreign());
      if (!file) return;
      try {
        verify(*file, hex);
      } catch (const CorruptEntry& corrupt) {
        result.corrupt.push_back(hex + ": " + corrupt.what());
        if (remove_corrupt && impl_->drop(*file)) ++result.removed;
      }
    } catch (const std::runtime_error& error) {  // not to be trusted, or not to be read
      result.corrupt.push_back(hex + ": " + error.what());
    }
  });
  std::sort(result.corrupt.begin(), result.corrupt.end());
  return result;
}

std::int64_t Store::prune(const Limits& limits) {
  if (!impl_->writable) return 0;
  const auto root = impl_->root();
  sweep_temp_files(root->get(), impl_->trusts_foreign(), time_now());
  return prune_entries(root->get(), impl_->trusts_foreign(), limits, time_now());
}

std::int64_t Store::clear() {
  if (!impl_->writable) return 0;
  std::int64_t removed = 0;
  const auto root = impl_->root();
  for_each_entry(root->get(), impl_->trusts_foreign(), [&](int folder, const std::string& hex, const struct stat&) {
    if (::unlinkat(folder, file_name(hex).c_str(), 0) == 0) ++removed;
  });
  for_each_temp_file(root->get(), impl_->trusts_foreign(),
                     [](int folder, const char* name, const struct stat&) { ::unlinkat(folder, name, 0); });
  return removed;
}

}  // namespace unstride::cache
