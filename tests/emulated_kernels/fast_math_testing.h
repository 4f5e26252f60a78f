// What the tests of fast math in the emulator share: layers for it, and the bound of docs/spec.md.
//
// The exact result is taken from the chain in double. |x||w| is summed without activations, which make no number larger
// in these layers.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/oracle/fast_math_bound.h"
#include "tests/oracle/layer_data.h"

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
std::vector<double> doubles(const std::vector<T>& values, bool absolute) {
  std::vector<double> result;
  for (const T value : values) result.push_back(absolute ? std::fabs(value_of(value)) : value_of(value));
  return result;
}

/// The layer in double: exact, or sum |x||w| + |b|.
template <typename T>
std::vector<double> in_double(const LayerData<T>& data, bool magnitude) {
  LayerSpec spec = data.spec;
  if (magnitude) spec.prologue = spec.epilogue = {};
  const auto x = doubles(data.x, magnitude), w = doubles(data.w, magnitude), b = doubles(data.b, magnitude);
  const StrictChain<double> chain{spec, data.batch, data.length, x, w, b};
  return chain.outputs(chain.output_length());
}

template <typename T>
::testing::AssertionResult within_fast_math_bound(const LayerData<T>& data, const std::vector<T>& y) {
  const std::vector<double> exact = in_double(data, false), magnitude = in_double(data, true);
  if (y.size() != exact.size()) return ::testing::AssertionFailure() << y.size() << " outputs";
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double allowed = fast_math_bound(data.spec, exact[i], magnitude[i]) + 1e-30;
    const double error = std::fabs(value_of(y[i]) - exact[i]);
    if (!(error <= allowed))
      return ::testing::AssertionFailure()
             << "output " << i << " is " << value_of(y[i]) << ", exactly " << exact[i] << ": " << error / magnitude[i]
             << " of sum |x||w|, allowed " << allowed / magnitude[i];
  }
  return ::testing::AssertionSuccess();
}

}  // namespace unstride::testing
