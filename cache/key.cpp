#include "cache/key.h"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "cache/entry.h"

namespace unstride::cache {

namespace {

void append_with_length(std::string& bytes, std::string_view text) {
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(text.size() >> shift & 0xff);
  bytes += text;
}

std::string labelled(const std::vector<Field>& fields) {
  std::string bytes;
  append_with_length(bytes, "unstride cache key, format " + std::to_string(format_version));
  for (const Field& field : fields) {
    append_with_length(bytes, field.label);
    append_with_length(bytes, field.value);
  }
  return bytes;
}

std::vector<Field> checked(std::vector<Field> fields) {
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    const auto same = [&](const Field& earlier) { return earlier.label == field->label; };
    if (field->label.empty() || std::any_of(fields.begin(), field, same))
      throw std::invalid_argument("cache key: field \"" + field->label + "\": labels are unique and not empty");
  }
  return fields;
}

}  // namespace

Digest sha256(std::string_view bytes) {
  Digest digest;
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  return digest;
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Key::Key(std::vector<Field> fields)
    : fields_(checked(std::move(fields))), digest_(sha256(labelled(fields_))), hex_(to_hex(digest_)) {}

}  // namespace unstride::cache
