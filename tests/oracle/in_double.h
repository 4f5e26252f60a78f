// A layer in double: what fast math is compared with. Its bounds are in units of sum |x||w| + |b|.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/oracle/layer_data.h"

namespace unstride::testing {

template <typename T>
std::vector<double> doubles(const std::vector<T>& values, bool absolute) {
  std::vector<double> result;
  for (const T value : values) result.push_back(absolute ? std::fabs(value_of(value)) : value_of(value));
  return result;
}

/// Exact outputs, from the chain in double, whose own error is far smaller; or sum |x||w| + |b|, without activations,
/// which make no number larger in the layers of these tests.
template <typename T>
std::vector<double> in_double(const LayerData<T>& data, bool magnitude) {
  LayerSpec spec = data.spec;
  if (magnitude) spec.prologue = spec.epilogue = {};
  const auto x = doubles(data.x, magnitude), w = doubles(data.w, magnitude), b = doubles(data.b, magnitude);
  const StrictChain<double> chain{spec, data.batch, data.length, x, w, b};
  return chain.outputs(chain.output_length());
}

/// allowed(exact output, sum |x||w| + |b|): the largest error.
template <typename T, typename Allowed>
::testing::AssertionResult within(const LayerData<T>& data, const std::vector<T>& y, const Allowed& allowed) {
  const std::vector<double> exact = in_double(data, false), magnitude = in_double(data, true);
  if (y.size() != exact.size()) return ::testing::AssertionFailure() << y.size() << " outputs";
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double most = allowed(exact[i], magnitude[i]), error = std::fabs(value_of(y[i]) - exact[i]);
    if (!(error <= most))
      return ::testing::AssertionFailure()
             << "output " << i << " is " << value_of(y[i]) << ", exactly " << exact[i] << ": " << error / magnitude[i]
             << " of sum |x||w|, allowed " << most / magnitude[i];
  }
  return ::testing::AssertionSuccess();
}

}  // namespace unstride::testing
