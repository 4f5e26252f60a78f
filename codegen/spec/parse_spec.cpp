// JSON to LayerSpec. This file checks names and types of fields; what their values must satisfy is in validate.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <utility>

#include "codegen/spec/error_text.h"
#include "codegen/spec/fields.h"
#include "codegen/spec/json_tree.h"
#include "codegen/spec/validate.h"
#include "support/nearest_name.h"
#include "unstride/spec.hpp"

namespace unstride {
namespace spec {
namespace {

using Kind = JsonValue::Kind;

constexpr const char* example_activation = R"({"op": "leaky_relu", "negative_slope": 0.1})";

void check_known_fields(const JsonValue& object, std::span<const std::string_view> known) {
  for (const JsonField& field : object.fields) {
    if (std::find(known.begin(), known.end(), field.name) != known.end()) continue;
    const auto nearest = support::nearest_name(field.name, known);
    throw SpecError(field.value.path, "",
                    nearest ? fmt::format("unknown field; did you mean \"{}\"?", *nearest)
                            : fmt::format("unknown field; the fields are {}", fmt::join(known, ", ")));
  }
}

[[noreturn]] void refuse_missing(const JsonValue& object, std::string_view name, std::string_view allowed) {
  throw SpecError(field_path(object.path, name), "", fmt::format("missing: {}", allowed));
}

std::int64_t read_integer(const JsonValue& value, const char* allowed) {
  switch (value.kind) {
    case Kind::integer:
      return value.integer;
    case Kind::real:
      refuse(value, "must be an integer, written without a fraction or an exponent");
    case Kind::huge_integer:
      refuse(value, "must be an integer that fits 64 bits");
    default:
      refuse(value, allowed);
  }
}

std::int64_t read_integer(const JsonValue& value, const IntegerField& field) {
  if (!field.one_element_list) return read_integer(value, "must be an integer");
  constexpr const char* allowed = "must be an integer or a list of one integer";
  if (value.kind != Kind::array) return read_integer(value, allowed);
  if (value.elements.size() != 1) refuse(value, allowed);
  return read_integer(value.elements[0], "must be an integer");
}

bool read_boolean(const JsonValue& value) {
  if (value.kind != Kind::boolean) refuse(value, "must be true or false");
  return value.boolean;
}

double read_number(const JsonValue& value) {
  const bool is_number = value.kind == Kind::integer || value.kind == Kind::huge_integer || value.kind == Kind::real;
  if (!is_number) refuse(value, "must be a number");
  return value.number;
}

/// One word of a table.
template <typename Table>
const typename Table::value_type& read_word(const JsonValue& value, const Table& table) {
  const auto* row = value.kind == Kind::string ? row_named(table, value.text) : nullptr;
  if (!row) refuse(value, must_be_one_of(table));
  return *row;
}

/// A field that has one word to choose from.
void check_word(const JsonValue& value, std::string_view only, std::string_view reason = "") {
  const bool matches = value.kind == Kind::string && value.text == only;
  if (!matches) refuse(value, fmt::format("must be \"{}\"{}", only, reason));
}

std::array<std::int64_t, 2> read_trim(const JsonValue& value) {
  if (value.kind != Kind::array || value.elements.size() != 2) {
    refuse(value, "must be a list of two integers: the samples cropped from the start and from the end");
  }
  return {read_integer(value.elements[0], "must be an integer"), read_integer(value.elements[1], "must be an integer")};
}

/// null, "relu", or {"op": "leaky_relu", "negative_slope": 0.1}.
Activation read_activation(const JsonValue& value) {
  Activation activation;
  if (value.kind == Kind::null) return activation;
  if (value.kind != Kind::object) {
    const auto* row = value.kind == Kind::string ? row_named(activations, value.text) : nullptr;
    if (!row) refuse(value, must_be_one_of(activations) + ", or an object such as " + example_activation);
    activation.op = row->value;
    return activation;
  }
  check_known_fields(value, activation_fields);
  const JsonValue* op = value.find("op");
  if (!op) refuse_missing(value, "op", must_be_one_of(activations));
  const ActivationRow& row = read_word(*op, activations);
  activation.op = row.value;
  if (const JsonValue* slope = value.find("negative_slope")) {
    if (!row.has_negative_slope) refuse(*slope, no_negative_slope(row.name));
    activation.negative_slope = read_number(*slope);
  }
  return activation;
}

LayerSpec read_layer(const JsonValue& value) {
  if (value.kind != Kind::object) refuse(value, "must be an object, the fields of one layer");
  check_known_fields(value, layer_fields);

  LayerSpec layer;
  const JsonValue* op = value.find("op");
  if (!op) refuse_missing(value, "op", fmt::format("must be \"{}\"", op_name));
  check_word(*op, op_name);
  for (const IntegerField& field : integer_fields) {
    if (const JsonValue* given = value.find(field.name)) {
      layer.*field.member = read_integer(*given, field);
    } else if (field.required) {
      refuse_missing(value, field.name, fmt::format("must be an integer of at least {}", field.minimum));
    }
  }
  if (const JsonValue* given = value.find("bias")) layer.bias = read_boolean(*given);
  if (const JsonValue* given = value.find("padding_mode")) {
    check_word(*given, padding_mode_name, "; only zeros padding mode is supported for a transposed convolution");
  }
  if (const JsonValue* given = value.find("trim")) layer.trim = read_trim(*given);
  if (const JsonValue* given = value.find("dtype")) layer.dtype = read_word(*given, dtypes).value;
  if (const JsonValue* given = value.find("math")) layer.math = read_word(*given, maths).value;
  if (const JsonValue* given = value.find("prologue")) layer.prologue = read_activation(*given);
  if (const JsonValue* given = value.find("epilogue")) layer.epilogue = read_activation(*given);

  validate_at(layer, value.path);
  return layer;
}

}  // namespace
}  // namespace spec

LayerSpec parse_spec(std::string_view json) {
  return spec::read_layer(spec::parse_json(json));
}

std::vector<LayerSpec> parse_specs(std::string_view json) {
  const spec::JsonValue root = spec::parse_json(json);
  if (root.kind != spec::JsonValue::Kind::array) return {spec::read_layer(root)};
  std::vector<LayerSpec> layers;
  layers.reserve(root.elements.size());
  for (const spec::JsonValue& element : root.elements) layers.push_back(spec::read_layer(element));
  return layers;
}

}  // namespace unstride
