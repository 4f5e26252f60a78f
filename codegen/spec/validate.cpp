#include "codegen/spec/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "codegen/spec/error_text.h"
#include "codegen/spec/fields.h"
#include "support/checked_math.h"

namespace unstride {
namespace spec {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

template <typename Value>
[[noreturn]] void refuse(std::string_view path, std::string_view field, const Value& value, std::string allowed) {
  throw SpecError(field_path(path, field), fmt::format("{}", value), std::move(allowed));
}

void check_minima(const LayerSpec& layer, std::string_view path) {
  for (const IntegerField& field : integer_fields) {
    const std::int64_t value = layer.*field.member;
    if (value < field.minimum) refuse(path, field.name, value, fmt::format("must be at least {}", field.minimum));
  }
  for (std::size_t end = 0; end < layer.trim.size(); ++end) {
    if (layer.trim[end] >= 0) continue;
    throw SpecError(element_path(field_path(path, "trim"), end), std::to_string(layer.trim[end]), "must be at least 0");
  }
}

void check_groups(const LayerSpec& layer, std::string_view path) {
  const auto check = [&](std::string_view field, std::int64_t channels) {
    if (channels % layer.groups == 0) return;
    refuse(path, field, channels, fmt::format("must be divisible by groups, {}", layer.groups));
  };
  check("in_channels", layer.in_channels);
  check("out_channels", layer.out_channels);
}

void check_output_padding(const LayerSpec& layer, std::string_view path) {
  const std::int64_t bound = std::max(layer.stride, layer.dilation);
  if (layer.output_padding < bound) return;
  refuse(path, "output_padding", layer.output_padding,
         fmt::format("output padding must be smaller than either stride or dilation: at most {} for stride {} and "
                     "dilation {}",
                     bound - 1, layer.stride, layer.dilation));
}

void check_types(const LayerSpec& layer, std::string_view path) {
  if (!row_of(dtypes, layer.dtype)) refuse(path, "dtype", static_cast<int>(layer.dtype), must_be_one_of(dtypes));
  if (!row_of(maths, layer.math)) refuse(path, "math", static_cast<int>(layer.math), must_be_one_of(maths));
}

// Bounds that keep 64-bit arithmetic on one layer safe everywhere below: its weights in bytes, and the reach of a
// kernel, dilation * (kernel_size - 1).
void check_sizes(const LayerSpec& layer, std::string_view path) {
  const std::int64_t rows = layer.out_channels_per_group();
  auto bytes = support::checked_mul(layer.in_channels, rows);
  if (bytes) bytes = support::checked_mul(*bytes, layer.kernel_size);
  if (bytes) bytes = support::checked_mul(*bytes, size_in_bytes(layer.dtype));
  if (!bytes) {
    throw SpecError(
        std::string(path), fmt::format("[{},{},{}]", layer.in_channels, rows, layer.kernel_size),
        fmt::format("the weight (in_channels, out_channels/groups, kernel_size) must take at most {} bytes", largest));
  }
  if (support::checked_mul(layer.dilation, layer.kernel_size - 1)) return;
  refuse(path, "dilation", layer.dilation,
         fmt::format("dilation * (kernel_size - 1) must fit 64 bits: at most {} for kernel_size {}",
                     largest / (layer.kernel_size - 1), layer.kernel_size));
}

// A slope that overflows in the type it is multiplied in would turn zeros into NaN.
bool is_finite_in(DType dtype, double value) {
  return std::isfinite(accumulator_of(dtype) == DType::float64 ? value
                                                               : static_cast<double>(static_cast<float>(value)));
}

void check_activation(const LayerSpec& layer, const Activation& activation, std::string_view path,
                      std::string_view field) {
  const ActivationRow* row = row_of(activations, activation.op);
  const auto refuse_part = [&](std::string_view part, const auto& value, std::string allowed) {
    refuse(field_path(path, field), part, value, std::move(allowed));
  };
  if (!row) refuse_part("op", static_cast<int>(activation.op), must_be_one_of(activations));
  const double slope = activation.negative_slope;
  if (!row->has_negative_slope) {
    if (slope != Activation{}.negative_slope) refuse_part("negative_slope", slope, no_negative_slope(row->name));
  } else if (!is_finite_in(layer.dtype, slope)) {
    refuse_part("negative_slope", slope, fmt::format("must be a finite {} number", name(accumulator_of(layer.dtype))));
  }
}

}  // namespace

std::string no_negative_slope(std::string_view activation) {
  return fmt::format("must be left out: {} has no negative_slope", activation);
}

void validate_at(const LayerSpec& layer, std::string_view path) {
  check_minima(layer, path);
  check_groups(layer, path);
  check_output_padding(layer, path);
  check_types(layer, path);
  check_sizes(layer, path);
  check_activation(layer, layer.prologue, path, "prologue");
  check_activation(layer, layer.epilogue, path, "epilogue");
}

}  // namespace spec

void validate(const LayerSpec& spec) {
  spec::validate_at(spec, "spec");
}

}  // namespace unstride
