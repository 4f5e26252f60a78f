// JSON text as a tree whose every value knows where it stands ("spec[3].prologue.op") and how it was written, which is
// what errors need. Stricter than JSON libraries: a field given twice, an integer of more than 64 bits and deep
// nesting do not pass silently. The JSON library stays behind this header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unstride::spec {

struct JsonField;

struct JsonValue {
  /// integer fits 64 bits with sign; huge_integer is written as an integer and does not; real has a fraction or an
  /// exponent.
  enum class Kind { null, boolean, integer, huge_integer, real, string, array, object };

  Kind kind = Kind::null;
  std::string path;
  bool boolean = false;
  std::int64_t integer = 0;
  double number = 0;                ///< integer, huge_integer and real
  std::string text;                 ///< string: its characters; huge_integer and real: the number as written
  std::vector<JsonValue> elements;  ///< array
  std::vector<JsonField> fields;    ///< object, in the order written

  const JsonValue* find(std::string_view name) const noexcept;
};

struct JsonField {
  std::string name;
  JsonValue value;
};

/// The value as JSON text, shortened where it is long.
std::string to_text(const JsonValue& value);

/// Throws SpecError at `value`, which `allowed` would have been accepted in place of.
[[noreturn]] void refuse(const JsonValue& value, std::string allowed);

/// Reads one JSON document; its root stands at "spec". Throws SpecError, with line and column if the text is no JSON.
JsonValue parse_json(std::string_view text);

}  // namespace unstride::spec
