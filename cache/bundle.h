// A read-only file of entries, to be copied into an image: cache/BUNDLE_FORMAT.md.
//
// The index is sorted by key and held in memory: 80 bytes for each entry, verified when the bundle is opened. Entries
// are those of the store, byte for byte. Each is read from the file and verified when it is asked for, so that nothing
// that happens to the file can crash the process or give wrong bytes: bundle_file.h says why it is not mapped. A bundle
// may be signed (Ed25519, libsodium): the signature covers the index, which holds the SHA-256 of each entry.
#pragma once

#include <cstdint>
#include <map>
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

/// Immutable; everything may be called from many threads at once. A bundle that is replaced on disk by renaming, as
/// BundleWriter does, goes on giving its old entries.
class Bundle {
 public:
  /// Null, with the reason reported once in one actionable line, for a file that is missing, malformed, of another
  /// format version, not signed as required, or not trustworthy. Never throws for what is in the file.
  static std::unique_ptr<Bundle> open(const BundleOptions& options);
  ~Bundle();

  /// The entry, verified to the last byte, or nothing. What was damaged since the bundle was opened is reported once.
  std::optional<Entry> find(const Key& key) const;
  /// In the order of the index. Payloads are not read; an entry whose header is damaged is left out.
  std::vector<Header> list() const;
  std::int64_t entries() const noexcept;
  const std::string& path() const noexcept;

 private:
  struct Impl;
  explicit Bundle(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Collects entries and writes them as one bundle, atomically (temp file beside it, fsync, rename). The same entries
/// give the same bytes, in whatever order they were added.
class BundleWriter {
 public:
  void add(const Key& key, const Entry& entry);  ///< the same key again replaces
  std::int64_t entries() const noexcept { return static_cast<std::int64_t>(entries_.size()); }
  /// secret_key: 64 bytes as libsodium has them (bundle_signing.h), or empty for no signature. Throws Error naming path
  /// and reason; then nothing is left behind, and a bundle that was there before still is.
  void write(const std::string& path, const std::string& secret_key = {}) const;

 private:
  std::map<Digest, std::string> entries_;  ///< encoded
};

}  // namespace unstride::cache
