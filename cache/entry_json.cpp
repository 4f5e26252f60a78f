#include "cache/entry_json.h"

#include <nlohmann/json.hpp>

namespace unstride::cache {

namespace {

using nlohmann::json;

int nibble(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  throw CorruptEntry("header: not a hexadecimal digit");
}

std::string from_hex(const std::string& text) {
  if (text.size() % 2 != 0) throw CorruptEntry("header: odd number of hexadecimal digits");
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2)
    bytes += static_cast<char>(nibble(text[i]) << 4 | nibble(text[i + 1]));
  return bytes;
}

// JSON text is UTF-8. Bytes that are not stand as {"hex": "..."}, so that nothing is lost or replaced.
json text_to_json(const std::string& bytes) {
  json text = bytes;
  try {
    static_cast<void>(text.dump());
    return text;
  } catch (const json::type_error&) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return json{{"hex", to_hex({begin, bytes.size()})}};
  }
}

std::string text_from_json(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.size() == 1 && value.contains("hex") && value["hex"].is_string())
    return from_hex(value["hex"].get<std::string>());
  throw CorruptEntry("header: a field that is neither text nor hexadecimal");
}

// Pairs, not an object: the order of the fields counts.
json fields_to_json(const std::vector<Field>& fields) {
  json list = json::array();
  for (const Field& field : fields) list.push_back(json::array({text_to_json(field.label), text_to_json(field.value)}));
  return list;
}

std::vector<Field> fields_from_json(const json& list) {
  if (!list.is_array()) throw CorruptEntry("header: fields that are no list");
  std::vector<Field> fields;
  for (const json& pair : list) {
    if (!pair.is_array() || pair.size() != 2) throw CorruptEntry("header: a field that is no pair");
    fields.push_back({text_from_json(pair[0]), text_from_json(pair[1])});
  }
  return fields;
}

Digest digest_from_hex(const std::string& text) {
  const std::string bytes = from_hex(text);
  Digest digest{};
  if (bytes.size() != digest.size()) throw CorruptEntry("header: a SHA-256 of the wrong length");
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

}  // namespace

std::string write_header(const Header& header) {
  return json{{"key", fields_to_json(header.key_fields)},
              {"notes", fields_to_json(header.notes)},
              {"payload", {{"sha256", to_hex(header.payload_digest)}, {"size", header.payload_size}}}}
      .dump();
}

Header read_header(std::string_view text) {
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded() || !root.is_object()) throw CorruptEntry("header: not a JSON object");
  try {
    Header header{.key_fields = fields_from_json(root.at("key")),
                  .notes = fields_from_json(root.at("notes")),
                  .payload_size = root.at("payload").at("size").get<std::int64_t>(),
                  .payload_digest = digest_from_hex(root.at("payload").at("sha256").get<std::string>())};
    if (write_header(header) != text) throw CorruptEntry("header: not in the form that this version writes");
    return header;
  } catch (const json::exception& error) {
    throw CorruptEntry(std::string("header: ") + error.what());
  }
}

}  // namespace unstride::cache
