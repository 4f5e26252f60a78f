// The polyphase decomposition: which taps reach which output, with no zeros multiplied.
//
// On the grid u = o + trim[0] + padding = q*stride + r, kernel tap j reaches the phase r = (j*dilation) mod stride,
// and there it reads the input i = q - floor(j*dilation / stride). With g = gcd(stride, dilation), S = stride/g and
// D = dilation/g, the taps that share a phase are j0, j0 + S, j0 + 2S, ... for one first tap j0 < S, and each reads D
// inputs further back than the one before. So the phases that have taps are numbered by their first tap j0 in
// [0, min(S, kernel_size)); all others hold the bias alone.
#pragma once

#include <cstdint>

#include "unstride/spec.hpp"

namespace unstride::plan {

struct Polyphase {
  explicit Polyphase(const LayerSpec& spec);

  std::int64_t stride, dilation, kernel_size;
  std::int64_t tap_step;    ///< S: kernel distance between neighbouring taps of a phase
  std::int64_t input_step;  ///< D: input distance between them

  /// Phases with taps, numbered by their first tap.
  std::int64_t phases() const { return tap_step < kernel_size ? tap_step : kernel_size; }
  bool has_bias_only_phases() const { return phases() < stride; }

  std::int64_t phase(std::int64_t first_tap) const { return first_tap * dilation % stride; }
  /// How many inputs before column q the first tap reads.
  std::int64_t delay(std::int64_t first_tap) const { return first_tap * dilation / stride; }
  std::int64_t taps(std::int64_t first_tap) const { return (kernel_size - first_tap - 1) / tap_step + 1; }
  std::int64_t max_taps() const { return taps(0); }

  /// How many inputs before column q the furthest tap reads.
  std::int64_t reach() const { return (kernel_size - 1) * dilation / stride; }
};

/// The columns q that an output of this length has, and the offset of the grid.
struct Columns {
  Columns(const LayerSpec& spec, std::int64_t output_length);
  std::int64_t first, count;
};

/// u - o: padding + trim[0].
std::int64_t grid_offset(const LayerSpec& spec);

}  // namespace unstride::plan
