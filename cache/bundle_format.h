// The bytes of a bundle: cache/BUNDLE_FORMAT.md. Pure functions, no files.
//
//   header (64) | index (80 for each entry) | SHA-256 of both (32) | signature (64) | entries, each aligned to 64
//
// There is exactly one layout for given entries, and a reader accepts no other: entries cannot overlap, leave room for
// anything else or reach past the end, and a file that was cut or grew is refused.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cache/key.h"

namespace unstride::cache {

inline constexpr std::uint32_t bundle_format_version = 1;
inline constexpr std::uint64_t bundle_header_bytes = 64;
inline constexpr std::uint64_t bundle_record_bytes = 80;
inline constexpr std::uint64_t bundle_checksum_bytes = 32;
inline constexpr std::uint64_t bundle_signature_bytes = 64;
inline constexpr std::uint64_t bundle_alignment = 64;

/// Far above any use. Bounds what a malformed file can make a reader allocate, as does max_entry_size.
inline constexpr std::uint64_t bundle_max_entries = std::uint64_t{1} << 20;

/// Why a bundle cannot be used, and what to do about it: "it is ...: write it again", the end of one line.
class UnusableBundle : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// "it is damaged, <what>: copy it again, ..."
UnusableBundle damaged_bundle(const std::string& what);

struct BundleHeader {
  std::uint64_t entries = 0;
  std::uint64_t file_bytes = 0;
  std::array<std::uint8_t, 32> signer = {};  ///< public key; all zero when unsigned

  bool is_signed() const noexcept { return signer != std::array<std::uint8_t, 32>{}; }
  /// Header and index: what the checksum is taken of.
  std::uint64_t covered_bytes() const noexcept { return bundle_header_bytes + entries * bundle_record_bytes; }
  /// All before the first entry, without padding.
  std::uint64_t head_bytes() const noexcept { return covered_bytes() + bundle_checksum_bytes + bundle_signature_bytes; }
};

struct BundleRecord {
  Digest key = {};
  std::uint64_t offset = 0, size = 0;
  Digest content = {};  ///< SHA-256 of the entry's bytes
};

/// Sets each record's offset, and the header's counts, from the sizes of the records.
BundleHeader lay_out(std::vector<BundleRecord>& records);

/// Header and index.
std::string encode_bundle_head(const BundleHeader& header, const std::vector<BundleRecord>& records);

/// The first 64 bytes, or fewer where the file ends before. Magic, version, and counts that fit the file. Throws
/// UnusableBundle.
BundleHeader parse_bundle_header(std::string_view bytes, std::uint64_t file_bytes);

/// Sorted by key without repeats, in the one layout, ending where the file ends. Throws UnusableBundle.
std::vector<BundleRecord> parse_bundle_index(const BundleHeader& header, std::string_view bytes);

/// What is signed: a text that no other use of the signer's key shares, then the checksum.
std::string bundle_signed_message(const Digest& checksum);

}  // namespace unstride::cache
