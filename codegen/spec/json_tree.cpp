#include "codegen/spec/json_tree.h"

#include <utility>

#include "codegen/spec/error_text.h"
#include "unstride/error.hpp"

namespace unstride::spec {
namespace {

void append_text(std::string& out, const JsonValue& value);

// Cut short as it grows: a list of a million numbers must not be spelled out for one message.
template <typename Items, typename AppendItem>
void append_items(std::string& out, const Items& items, AppendItem append_item) {
  std::string_view separator;
  for (const auto& item : items) {
    if (out.size() > longest_excerpt) return;
    out += separator;
    append_item(item);
    separator = ",";
  }
}

void append_text(std::string& out, const JsonValue& value) {
  using Kind = JsonValue::Kind;
  switch (value.kind) {
    case Kind::null:
      out += "null";
      break;
    case Kind::boolean:
      out += value.boolean ? "true" : "false";
      break;
    case Kind::integer:
      out += std::to_string(value.integer);
      break;
    case Kind::huge_integer:
    case Kind::real:
      out += value.text;
      break;
    case Kind::string:
      out += quoted(value.text);
      break;
    case Kind::array:
      out += '[';
      append_items(out, value.elements, [&](const JsonValue& element) { append_text(out, element); });
      out += ']';
      break;
    case Kind::object:
      out += '{';
      append_items(out, value.fields, [&](const JsonField& field) {
        out += quoted(field.name) + ':';
        append_text(out, field.value);
      });
      out += '}';
      break;
  }
}

}  // namespace

const JsonValue* JsonValue::find(std::string_view name) const noexcept {
  for (const JsonField& field : fields) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

std::string to_text(const JsonValue& value) {
  std::string text;
  append_text(text, value);
  return shortened(text);
}

void refuse(const JsonValue& value, std::string allowed) {
  throw SpecError(value.path, to_text(value), std::move(allowed));
}

}  // namespace unstride::spec
