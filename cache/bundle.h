// A read-only file of entries, to be copied into an image and mapped: cache/FORMAT.md.
//
// The index is sorted by key, so that a look-up touches a few pages. Entries are those of the store, byte for byte, and
// are verified when they are read. A bundle may be signed (Ed25519, libsodium): the signature covers the index, which
// holds the SHA-256 of each entry.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/entry.h"
#include "cache/report.h"

namespace unstride::cache {

struct BundleOptions {
  std::string path;
  /// Public keys, 32 bytes each. When there are any, a bundle must carry a valid signature by one of them.
  std::vector<std::string> trusted_keys = {};
  /// Accept a file, or a folder above it, that another user could have written. A valid signature by a trusted key does
  /// too.
  bool trust_foreign_file = false;
  Report report = {};
};

class Bundle {
 public:
  /// Null, with the reason reported once in one actionable line, for a file that is missing, malformed, of another
  /// format version, not signed as required, or not trustworthy.
  static std::unique_ptr<Bundle> open(const BundleOptions& options);
  ~Bundle();

  std::optional<Entry> find(const Key& key) const;
  std::vector<Header> list() const;
  std::int64_t entries() const noexcept;
  const std::string& path() const noexcept;

 private:
  struct Impl;
  explicit Bundle(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Collects entries and writes them as one bundle, atomically (temp file beside it, fsync, rename).
class BundleWriter {
 public:
  void add(const Key& key, const Entry& entry);  ///< the same key again replaces
  std::int64_t entries() const noexcept { return static_cast<std::int64_t>(entries_.size()); }
  /// secret_key: 64 bytes as libsodium has them, or empty for no signature. Throws Error naming path and reason.
  void write(const std::string& path, const std::string& secret_key = {}) const;

 private:
  struct Item {
    std::string digest, bytes;
  };
  std::vector<Item> entries_;
};

}  // namespace unstride::cache
