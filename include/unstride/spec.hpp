// The layer: one 1-D transposed convolution and what is fused to it, with its shape rules.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unstride/error.hpp"

namespace unstride {

/// The type of input, weight, bias and output.
enum class DType { float32, float64, float16, bfloat16 };
enum class Math { strict, fast };

UNSTRIDE_API std::string_view name(DType dtype) noexcept;
UNSTRIDE_API std::int64_t size_in_bytes(DType dtype) noexcept;
/// The type that sums are kept in: float32 for the 16-bit types, the type itself for the others.
UNSTRIDE_API DType accumulator_of(DType dtype) noexcept;

/// An elementwise function applied to the input (prologue) or to the output (epilogue). NaN stays NaN; otherwise
/// relu(v) = v > 0 ? v : +0 and leaky_relu(v) = v > 0 ? v : v * negative_slope.
struct Activation {
  enum class Op { none, relu, leaky_relu };
  Op op = Op::none;
  double negative_slope = 0.01;  ///< leaky_relu only

  friend bool operator==(const Activation&, const Activation&) = default;
};

/// One layer. Input x (N, in_channels, L); weight w (in_channels, out_channels/groups, kernel_size);
/// bias b (out_channels); output y (N, out_channels, output_length(spec, L)):
///
///     y[n,co,o] = epilogue(b[co] + sum of prologue(x[n,ci,i]) * w[ci, co mod (out_channels/groups), j])
///
/// over ci in co's group and j in [0, kernel_size) with i = (o + trim[0] + padding - j*dilation) / stride
/// integral and 0 <= i < L.
struct LayerSpec {
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t kernel_size = 0;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  std::int64_t output_padding = 0;
  std::int64_t dilation = 1;
  std::int64_t groups = 1;
  bool bias = true;
  std::array<std::int64_t, 2> trim = {0, 0};  ///< samples cropped from the start and the end of the output
  DType dtype = DType::float32;
  Math math = Math::strict;
  Activation prologue = {};
  Activation epilogue = {};

  std::int64_t in_channels_per_group() const noexcept { return in_channels / groups; }
  std::int64_t out_channels_per_group() const noexcept { return out_channels / groups; }
  std::int64_t weight_count() const noexcept { return in_channels * out_channels_per_group() * kernel_size; }

  friend bool operator==(const LayerSpec&, const LayerSpec&) = default;
};

/// Reads one spec from JSON text. Throws SpecError for anything that is not a valid layer.
UNSTRIDE_API LayerSpec parse_spec(std::string_view json);

/// Reads a spec, or an array of specs.
UNSTRIDE_API std::vector<LayerSpec> parse_specs(std::string_view json);

/// Throws SpecError if the layer breaks a rule: what parse_spec enforces, for a spec built in code.
UNSTRIDE_API void validate(const LayerSpec& spec);

/// The canonical form: every field, sorted by name, no white space. parse_spec(to_json(s)) == s.
UNSTRIDE_API std::string to_json(const LayerSpec& spec);

/// (L-1)*stride - 2*padding + dilation*(kernel_size-1) + output_padding + 1 - trim[0] - trim[1].
/// Throws SpecError when input_length < 1, when the result is not positive, or when it does not fit 64 bits.
UNSTRIDE_API std::int64_t output_length(const LayerSpec& spec, std::int64_t input_length);

/// The spec with the output_padding that makes output_length(spec, input_length) == output_size.
/// Throws SpecError naming the valid range when none does. The output_padding already in spec is ignored.
UNSTRIDE_API LayerSpec with_output_size(LayerSpec spec, std::int64_t input_length, std::int64_t output_size);

}  // namespace unstride
