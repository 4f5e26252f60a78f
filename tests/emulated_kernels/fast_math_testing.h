// What the tests of fast math in the emulator share: layers for it, and the bound of docs/spec.md.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "tests/oracle/fast_math_bound.h"
#include "tests/oracle/in_double.h"

namespace unstride::testing {

/// The layer with fast math, in T.
template <typename T>
LayerSpec fast_layer(LayerSpec spec) {
  spec.dtype = dtype_of<T>;
  spec.math = Math::fast;
  for (Activation* activation : {&spec.prologue, &spec.epilogue})
    if (activation->op == Activation::Op::leaky_relu) activation->negative_slope = 0.25;
  return spec;
}

template <typename T>
::testing::AssertionResult within_fast_math_bound(const LayerData<T>& data, const std::vector<T>& y) {
  return within(data, y,
                [&](double exact, double magnitude) { return fast_math_bound(data.spec, exact, magnitude) + 1e-30; });
}

}  // namespace unstride::testing
