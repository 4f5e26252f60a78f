// What makes two compilations the same: labelled fields, and the SHA-256 over them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unstride::cache {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view bytes);
std::string to_hex(std::span<const std::uint8_t> bytes);

struct Field {
  std::string label, value;
  friend bool operator==(const Field&, const Field&) = default;
};

/// An immutable list of labelled fields in a fixed order. Equal exactly when all fields are.
class Key {
 public:
  /// Labels are unique and not empty. Every field counts, also an empty one: unset and empty are told apart by leaving
  /// the field out or not. Throws std::invalid_argument, naming the label.
  explicit Key(std::vector<Field> fields);

  const std::vector<Field>& fields() const noexcept { return fields_; }
  /// SHA-256 over the format version and every label and value, each behind its length.
  const Digest& digest() const noexcept { return digest_; }
  /// 64 lower-case hexadecimal digits.
  const std::string& hex() const noexcept { return hex_; }
  friend bool operator==(const Key& a, const Key& b) { return a.digest_ == b.digest_; }

 private:
  std::vector<Field> fields_;
  Digest digest_;
  std::string hex_;
};

}  // namespace unstride::cache
