// The spec's fields and words as tables. The reader, the rules and the canonical form all walk these rows: a new
// integer field, type or activation is one row here (and a line in docs/spec.schema.json; a test compares the two).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "unstride/spec.hpp"

namespace unstride::spec {

inline constexpr std::string_view op_name = "conv_transpose1d";
inline constexpr std::string_view padding_mode_name = "zeros";

struct IntegerField {
  std::string_view name;
  std::int64_t LayerSpec::*member;
  std::int64_t minimum;
  bool required;
  bool one_element_list;  ///< [8] is accepted for 8, as the frameworks write it
};

inline constexpr std::array integer_fields = {
    IntegerField{"in_channels", &LayerSpec::in_channels, 1, true, false},
    IntegerField{"out_channels", &LayerSpec::out_channels, 1, true, false},
    IntegerField{"kernel_size", &LayerSpec::kernel_size, 1, true, true},
    IntegerField{"stride", &LayerSpec::stride, 1, false, true},
    IntegerField{"padding", &LayerSpec::padding, 0, false, true},
    IntegerField{"output_padding", &LayerSpec::output_padding, 0, false, true},
    IntegerField{"dilation", &LayerSpec::dilation, 1, false, true},
    IntegerField{"groups", &LayerSpec::groups, 1, false, false},
};

/// Every field of a layer, in the order in which messages list them.
inline constexpr std::array<std::string_view, 16> layer_fields = {
    "op",     "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "dilation",
    "groups", "bias",        "padding_mode", "trim",        "dtype",  "math",    "prologue",       "epilogue"};

inline constexpr std::array<std::string_view, 2> activation_fields = {"op", "negative_slope"};

struct DTypeRow {
  std::string_view name;
  DType value;
  std::int64_t bytes;
  DType accumulator;  ///< what sums are kept in
};

inline constexpr std::array dtypes = {
    DTypeRow{"float32", DType::float32, 4, DType::float32},
    DTypeRow{"float64", DType::float64, 8, DType::float64},
    DTypeRow{"float16", DType::float16, 2, DType::float32},
    DTypeRow{"bfloat16", DType::bfloat16, 2, DType::float32},
};

struct MathRow {
  std::string_view name;
  Math value;
};

inline constexpr std::array maths = {
    MathRow{"strict", Math::strict},
    MathRow{"fast", Math::fast},
};

struct ActivationRow {
  std::string_view name;
  Activation::Op value;
  bool has_negative_slope;
};

inline constexpr std::array activations = {
    ActivationRow{"none", Activation::Op::none, false},
    ActivationRow{"relu", Activation::Op::relu, false},
    ActivationRow{"leaky_relu", Activation::Op::leaky_relu, true},
};

/// The row with this name, or null.
template <typename Table>
constexpr auto row_named(const Table& table, std::string_view name) noexcept -> const typename Table::value_type* {
  for (const auto& row : table) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

/// The row with this value, or null: an enumerator that was made by a cast has none.
template <typename Table>
constexpr auto row_of(const Table& table, decltype(Table::value_type::value) value) noexcept -> const
    typename Table::value_type* {
  for (const auto& row : table) {
    if (row.value == value) return &row;
  }
  return nullptr;
}

/// The table's names as messages list them: "must be "a", "b" or "c"".
template <typename Table>
std::string must_be_one_of(const Table& table) {
  std::string text = "must be ";
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (i > 0) text += i + 1 == table.size() ? " or " : ", ";
    text += '"';
    text += table[i].name;
    text += '"';
  }
  return text;
}

}  // namespace unstride::spec
