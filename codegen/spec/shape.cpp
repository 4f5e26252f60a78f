// The shape rules. Lengths are computed in 128 bits, so that a layer is refused for the length it has and never for
// the order in which its terms were added.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "support/checked_math.h"
#include "unstride/spec.hpp"

namespace unstride {
namespace {

using support::int128;

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

/// The output length, of any sign and size. No term exceeds 2^126 in a valid layer.
int128 formula(const LayerSpec& layer, std::int64_t input_length) {
  return (int128{input_length} - 1) * layer.stride - int128{2} * layer.padding +
         int128{layer.dilation} * (layer.kernel_size - 1) + layer.output_padding + 1 - layer.trim[0] - layer.trim[1];
}

[[noreturn]] void refuse_input_length(std::int64_t input_length, std::string allowed) {
  throw SpecError("input_length", std::to_string(input_length), std::move(allowed));
}

void check_input_length(std::int64_t input_length) {
  if (input_length < 1) refuse_input_length(input_length, "must be at least 1");
}

// The output grows by `stride` for each input, which gives the nearest input length that would do.
void check_output_length(const LayerSpec& layer, std::int64_t input_length, int128 length) {
  if (length < 1) {
    const int128 needed = input_length + support::ceil_div(1 - length, layer.stride);
    const std::string bound =
        needed <= largest ? fmt::format("must be at least {}", needed) : "no 64-bit length is enough for this layer";
    refuse_input_length(
        input_length,
        fmt::format("{}. Calculated output size per channel: ({}). Output size is too small", bound, length));
  }
  if (length > largest) {
    const int128 longest = input_length - support::ceil_div(length - largest, layer.stride);
    const std::string bound =
        longest >= 1 ? fmt::format("must be at most {}", longest) : "no length is short enough for this layer";
    refuse_input_length(
        input_length,
        fmt::format("{}. Calculated output size per channel: ({}). Output size does not fit 64 bits", bound, length));
  }
}

}  // namespace

std::int64_t output_length(const LayerSpec& spec, std::int64_t input_length) {
  validate(spec);
  check_input_length(input_length);
  const int128 length = formula(spec, input_length);
  check_output_length(spec, input_length, length);
  return static_cast<std::int64_t>(length);
}

LayerSpec with_output_size(LayerSpec spec, std::int64_t input_length, std::int64_t output_size) {
  spec.output_padding = 0;
  validate(spec);
  check_input_length(input_length);
  const std::int64_t most_padding = std::max(spec.stride, spec.dilation) - 1;
  const int128 shortest = formula(spec, input_length);
  const int128 longest = shortest + most_padding;
  if (longest < 1) {
    spec.output_padding = most_padding;
    check_output_length(spec, input_length, longest);
  }
  if (shortest > largest) check_output_length(spec, input_length, shortest);

  const int128 first = std::max<int128>(shortest, 1);
  const int128 last = std::min<int128>(longest, largest);
  if (output_size < first || output_size > last) {
    throw SpecError("output_size", std::to_string(output_size),
                    fmt::format("valid sizes range from {} to {} (for an input of {})", first, last, input_length));
  }
  spec.output_padding = static_cast<std::int64_t>(output_size - shortest);
  return spec;
}

}  // namespace unstride
