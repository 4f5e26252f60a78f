// One cached result as bytes: cache/FORMAT.md. The same bytes stand in a file of the store and inside a bundle.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cache/key.h"

namespace unstride::cache {

inline constexpr int format_version = 1;

/// What a caller stores under a key. The payload and the notes are bytes to the cache.
struct Entry {
  std::vector<Field> notes;  ///< about the payload, not part of the key: "compile_ms", "registers", ...
  std::string payload;
};

/// magic, header length, JSON header (key fields, notes, payload size and SHA-256), payload.
std::string encode(const Key& key, const Entry& entry);

struct Decoded {
  std::vector<Field> key_fields;
  Entry entry;
};

/// Checks every byte: magic, version, lengths, header, payload checksum. Throws CorruptEntry, with the reason.
Decoded decode(std::string_view bytes);

/// The same, and the entry must be for this key.
Entry decode_for(const Key& key, std::string_view bytes);

/// Only the header, for listings: the payload is not verified. file_size: of the whole entry.
struct Header {
  std::vector<Field> key_fields, notes;
  std::int64_t payload_size = 0;
  Digest payload_digest{};
};
Header decode_header(std::string_view beginning, std::int64_t file_size);

class CorruptEntry : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace unstride::cache
