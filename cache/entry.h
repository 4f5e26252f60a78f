// One cached result as bytes: cache/FORMAT.md. The same bytes stand in a file of the store and inside a bundle.
//
//    0   8  magic
//    8   4  format version, little-endian as all numbers
//   12   4  length of the header
//   16  32  SHA-256 of bytes 0 to 15 and the header
//   48   .  header: JSON with the key fields, the notes, and the size and SHA-256 of the payload
//    .   .  payload, up to the end
//
// Two checksums cover every byte, and every length is checked against the size of the file before it is used.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cache/key.h"

namespace unstride::cache {

inline constexpr int format_version = 1;

/// Bytes before the header.
inline constexpr std::size_t preamble_size = 48;

/// Nothing larger is written or believed. Kernels have kilobytes; this bounds what a damaged length can cost.
inline constexpr std::int64_t max_entry_size = std::int64_t{1} << 30;

/// What a caller stores under a key. The payload and the notes are bytes to the cache.
struct Entry {
  std::vector<Field> notes;  ///< about the payload, not part of the key: "compile_ms", "registers", ...
  std::string payload;
};

/// The bytes above. Equal arguments give equal bytes. Throws std::length_error beyond max_entry_size.
std::string encode(const Key& key, const Entry& entry);

struct Decoded {
  std::vector<Field> key_fields;
  Entry entry;
};

/// Checks every byte: magic, version, lengths, header, payload checksum. Throws CorruptEntry, with the reason.
Decoded decode(std::string_view bytes);

/// The same, and the entry must be for this key.
Entry decode_for(const Key& key, std::string_view bytes);

/// Only the header, for listings: the payload is not verified.
struct Header {
  std::vector<Field> key_fields, notes;
  std::int64_t payload_size = 0;
  Digest payload_digest{};
};

/// Where the payload begins, from at least preamble_size bytes of an entry of file_size bytes. At most file_size.
std::int64_t payload_offset(std::string_view beginning, std::int64_t file_size);

/// beginning: at least payload_offset() bytes. file_size: of the whole entry.
Header decode_header(std::string_view beginning, std::int64_t file_size);

class CorruptEntry : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace unstride::cache
