// The canonical form: one text for one layer, which cache keys and files use. Its golden text is in the tests.
#include <nlohmann/json.hpp>

#include "codegen/spec/fields.h"
#include "unstride/spec.hpp"

namespace unstride {
namespace {

// nlohmann::json keeps the fields of an object sorted and prints the shortest decimal that reads back as the same
// double.
using nlohmann::json;

template <typename Table, typename Value>
std::string_view name_in(const Table& table, Value value) {
  const auto* row = spec::row_of(table, value);
  return row ? row->name : "unknown";
}

json canonical(const Activation& activation) {
  json object = {{"op", name_in(spec::activations, activation.op)}};
  const auto* row = spec::row_of(spec::activations, activation.op);
  if (row && row->has_negative_slope) object["negative_slope"] = activation.negative_slope;
  return object;
}

}  // namespace

std::string to_json(const LayerSpec& spec) {
  json object = {
      {"op", spec::op_name},
      {"bias", spec.bias},
      {"padding_mode", spec::padding_mode_name},
      {"trim", spec.trim},
      {"dtype", name_in(spec::dtypes, spec.dtype)},
      {"math", name_in(spec::maths, spec.math)},
      {"prologue", canonical(spec.prologue)},
      {"epilogue", canonical(spec.epilogue)},
  };
  for (const spec::IntegerField& field : spec::integer_fields) object[std::string(field.name)] = spec.*field.member;
  return object.dump();
}

}  // namespace unstride
