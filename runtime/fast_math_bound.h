// What back ends share to hold fast math to its bound (docs/spec.md).
//
// A strict kernel in float64 of the same layer gives the reference; one of |prologue(x)|, |w| and |b| gives the sum
// |x||w| + |b| that the bound is relative to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride {

/// A layer of strict math in float64, and its data.
struct WideLayer {
  LayerSpec spec;
  std::vector<double> x, w, b;
};

/// x: (in_channels, length); parameters: weights, then the bias if the layer has one; of the layer's type.
WideLayer widened(const LayerSpec& spec, const void* x, const void* parameters, std::int64_t length);

/// The layer whose outputs are the sums |x||w| + |b| of this one's, x after the prologue.
WideLayer magnitudes(const WideLayer& layer);

/// What rounding an output to this type costs of its value; 0 for types in which sums are kept.
double rounding_of(DType dtype);

struct FastMathBound {
  LayerSpec spec;
  double relative = 0;  ///< of the magnitude
  double rounding = 0;  ///< of the value
  double least = 0x1p-100;
  std::vector<double> reference = {}, magnitude = {};  ///< (out_channels, output length)

  /// y: the same outputs, of the layer's type. Empty, or what is wrong.
  std::string check(const std::byte* y) const;
};

}  // namespace unstride
