// Whether the outputs of a CPU's fast-math kernel are within the bound of docs/spec.md, by kernels of strict math.
#pragma once

#include <cstddef>
#include <string>

#include "codegen/plan/cpu_strategy.h"
#include "runtime/fast_math_bound.h"

namespace unstride {

class FastMathCheck {
 public:
  /// x: (in_channels, length); parameters: weights, then the bias if the layer has one; of the layer's type.
  FastMathCheck(const plan::CpuProblem& problem, const void* x, const void* parameters, std::int64_t length);
  /// y: (out_channels, output length) of the layer's type. Empty, or what is wrong.
  std::string check(const std::byte* y) const;

 private:
  FastMathBound bound_;
};

}  // namespace unstride
