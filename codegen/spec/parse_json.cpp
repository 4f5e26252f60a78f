// Builds the tree from the JSON library's events rather than from its own document type, which forgets repeated
// fields and turns integers beyond 64 bits into rounded floating point.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "codegen/spec/error_text.h"
#include "codegen/spec/json_tree.h"
#include "unstride/error.hpp"

namespace unstride::spec {
namespace {

using Kind = JsonValue::Kind;

// A list of specs needs three levels. The limit bounds every recursion over the tree.
constexpr std::size_t deepest_nesting = 16;

class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  JsonValue take_root() { return std::move(root_); }

  bool null() override { return add(value_of(Kind::null)); }

  bool boolean(bool flag) override {
    JsonValue value = value_of(Kind::boolean);
    value.boolean = flag;
    return add(std::move(value));
  }

  bool number_integer(number_integer_t integer) override {
    JsonValue value = value_of(Kind::integer);
    value.integer = integer;
    value.number = static_cast<double>(integer);
    return add(std::move(value));
  }

  bool number_unsigned(number_unsigned_t integer) override {
    if (std::in_range<number_integer_t>(integer)) return number_integer(static_cast<number_integer_t>(integer));
    return add_number(Kind::huge_integer, static_cast<double>(integer), std::to_string(integer));
  }

  // The library also reports integers beyond its 64 bits here.
  bool number_float(number_float_t number, const string_t& written) override {
    return add_number(is_integer(written) ? Kind::huge_integer : Kind::real, number, written);
  }

  bool string(string_t& characters) override {
    JsonValue value = value_of(Kind::string);
    value.text = std::move(characters);
    return add(std::move(value));
  }

  bool binary(binary_t&) override { return false; }  // not part of JSON text

  bool start_array(std::size_t) override { return open(Kind::array); }
  bool end_array() override { return close(); }
  bool start_object(std::size_t) override { return open(Kind::object); }
  bool end_object() override { return close(); }

  bool key(string_t& name) override {
    Container& object = open_.back();
    object.next_field = name;
    if (!object.names.insert(name).second) throw SpecError(path(), "", "duplicate field: must be given once");
    return true;
  }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::json::exception& error) override {
    const bool number_overflow = dynamic_cast<const nlohmann::json::out_of_range*>(&error) != nullptr;
    if (number_overflow) {
      throw SpecError(path(), shortened(last_token),
                      is_integer(last_token) ? "must be an integer that fits 64 bits" : "must be a finite number");
    }
    throw SpecError("spec", "", fmt::format("malformed JSON at {}: {}", line_and_column(position), cause(error)));
  }

 private:
  // An array or object whose end has not been read.
  struct Container {
    JsonValue value;
    std::string next_field;
    std::unordered_set<std::string> names;
  };

  static bool is_integer(const std::string& written) { return written.find_first_of(".eE") == std::string::npos; }

  // Where the value that is read next stands.
  std::string path() const {
    if (open_.empty()) return "spec";
    const Container& parent = open_.back();
    return parent.value.kind == Kind::array ? element_path(parent.value.path, parent.value.elements.size())
                                            : field_path(parent.value.path, parent.next_field);
  }

  JsonValue value_of(Kind kind) const {
    JsonValue value;
    value.kind = kind;
    value.path = path();
    return value;
  }

  bool add(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Container& parent = open_.back();
    if (parent.value.kind == Kind::array) {
      parent.value.elements.push_back(std::move(value));
    } else {
      parent.value.fields.push_back({std::move(parent.next_field), std::move(value)});
    }
    return true;
  }

  bool add_number(Kind kind, double number, std::string written) {
    JsonValue value = value_of(kind);
    value.number = number;
    value.text = std::move(written);
    return add(std::move(value));
  }

  bool open(Kind kind) {
    if (open_.size() == deepest_nesting) {
      throw SpecError(path(), "", fmt::format("must not be nested deeper than {} levels", deepest_nesting));
    }
    open_.push_back({value_of(kind), {}, {}});
    return true;
  }

  bool close() {
    JsonValue value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  // position counts the bytes read, the offending one included.
  std::string line_and_column(std::size_t position) const {
    const std::string_view before = text_.substr(0, position == 0 ? 0 : position - 1);
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    return fmt::format("line {}, column {}", 1 + std::count(before.begin(), before.end(), '\n'),
                       before.size() - line_start + 1);
  }

  // The library's explanation without its own prefix, and without the bytes read, which may be anything.
  static std::string cause(const nlohmann::json::exception& error) {
    std::string_view text = error.what();
    text = text.substr(0, text.find("; last read: '"));
    constexpr std::string_view prefix = "syntax error ";
    if (const std::size_t at = text.find(prefix); at != text.npos) text.remove_prefix(at + prefix.size());
    return std::string(text);
  }

  std::string_view text_;
  JsonValue root_;
  std::vector<Container> open_;
};

}  // namespace

JsonValue parse_json(std::string_view text) {
  TreeBuilder builder(text);
  nlohmann::json::sax_parse(text, &builder);
  return builder.take_root();
}

}  // namespace unstride::spec
