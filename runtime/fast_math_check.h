// Whether the outputs of a fast-math kernel are within the bound of docs/spec.md, by kernels of strict math.
//
// A strict kernel of the same layer, in the type of its sums, gives the reference; one of |prologue(x)|, |w| and |b|
// gives the sum |x||w| + |b| that the bound is relative to.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "codegen/plan/cpu_strategy.h"

namespace unstride {

class FastMathCheck {
 public:
  /// x: (in_channels, length); parameters: weights, then the bias if the layer has one; of the layer's type.
  FastMathCheck(const plan::CpuProblem& problem, const void* x, const void* parameters, std::int64_t length);
  /// y: (out_channels, output length) of the layer's type. Empty, or what is wrong.
  std::string check(const std::byte* y) const;

 private:
  LayerSpec spec_;
  double relative_ = 0;  ///< of magnitude
  double rounding_ = 0;  ///< of the value
  std::vector<double> reference_, magnitude_;
};

}  // namespace unstride
