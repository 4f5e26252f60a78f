#include "cache/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "cache/entry_json.h"

namespace unstride::cache {

namespace {

// As in PNG: a byte that is not ASCII, a line end of either kind and an end-of-file sign show transfers as text.
constexpr std::string_view magic = "\x89USK\r\n\x1a\n";
constexpr std::size_t version_at = 8, header_length_at = 12, checksum_at = 16;

void put_u32(std::string& bytes, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xff);
}

std::uint32_t get_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

Digest header_checksum(std::string_view preamble, std::string_view header) {
  std::string covered(preamble.substr(0, checksum_at));
  covered += header;
  return sha256(covered);
}

bool equal(const Digest& digest, std::string_view bytes) {
  return std::equal(digest.begin(), digest.end(), bytes.begin(), bytes.end(),
                    [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
}

std::optional<Key> key_of(const std::vector<Field>& fields) {
  try {
    return Key(fields);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace

std::string encode(const Key& key, const Entry& entry) {
  const std::string header = write_header({.key_fields = key.fields(),
                                           .notes = entry.notes,
                                           .payload_size = static_cast<std::int64_t>(entry.payload.size()),
                                           .payload_digest = sha256(entry.payload)});
  if (preamble_size + header.size() + entry.payload.size() > static_cast<std::size_t>(max_entry_size))
    throw std::length_error(fmt::format("an entry of {} + {} bytes exceeds the limit of {} bytes", header.size(),
                                        entry.payload.size(), max_entry_size));
  std::string bytes;
  bytes.reserve(preamble_size + header.size() + entry.payload.size());
  bytes += magic;
  put_u32(bytes, format_version);
  put_u32(bytes, static_cast<std::uint32_t>(header.size()));
  for (const std::uint8_t byte : header_checksum(bytes, header)) bytes += static_cast<char>(byte);
  bytes += header;
  bytes += entry.payload;
  return bytes;
}

std::int64_t payload_offset(std::string_view beginning, std::int64_t file_size) {
  if (file_size < static_cast<std::int64_t>(preamble_size) || beginning.size() < preamble_size)
    throw CorruptEntry(fmt::format("cut short: {} bytes, an entry has at least {}", file_size, preamble_size));
  if (file_size > max_entry_size)
    throw CorruptEntry(fmt::format("{} bytes, an entry has at most {}", file_size, max_entry_size));
  if (beginning.substr(0, magic.size()) != magic) throw CorruptEntry("does not begin like an entry");
  if (const std::uint32_t version = get_u32(beginning, version_at); version != format_version)
    throw CorruptEntry(fmt::format("format version {}, this build reads {}", version, format_version));
  const std::int64_t end = std::int64_t{preamble_size} + get_u32(beginning, header_length_at);
  if (end > file_size) throw CorruptEntry(fmt::format("header ends at {}, the file at {}", end, file_size));
  return end;
}

Header decode_header(std::string_view beginning, std::int64_t file_size) {
  const std::int64_t end = payload_offset(beginning, file_size);
  if (static_cast<std::int64_t>(beginning.size()) < end) throw CorruptEntry("header cut short");
  const std::string_view text = beginning.substr(preamble_size, static_cast<std::size_t>(end) - preamble_size);
  if (!equal(header_checksum(beginning, text), beginning.substr(checksum_at, sizeof(Digest))))
    throw CorruptEntry("header checksum differs");
  Header header = read_header(text);
  if (header.payload_size != file_size - end)
    throw CorruptEntry(fmt::format("payload of {} bytes, header says {}", file_size - end, header.payload_size));
  return header;
}

Decoded decode(std::string_view bytes) {
  const auto file_size = static_cast<std::int64_t>(bytes.size());
  Header header = decode_header(bytes, file_size);
  const std::string_view payload = bytes.substr(static_cast<std::size_t>(payload_offset(bytes, file_size)));
  if (sha256(payload) != header.payload_digest) throw CorruptEntry("payload checksum differs");
  if (!key_of(header.key_fields)) throw CorruptEntry("key fields without a label, or with the same label twice");
  return {std::move(header.key_fields), {std::move(header.notes), std::string(payload)}};
}

Entry decode_for(const Key& key, std::string_view bytes) {
  Decoded decoded = decode(bytes);
  if (decoded.key_fields != key.fields()) throw CorruptEntry("holds another key");
  return std::move(decoded.entry);
}

}  // namespace unstride::cache
