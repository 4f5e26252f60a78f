// The transposed convolution is the transpose of the convolution: <conv1d(y), x> = <y, conv_transpose1d(x)>, with a
// convolution written from its own definition. An oracle that shares nothing with the one of the strict chain.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

// y (out_channels, m) -> (in_channels, length), with weights (in_channels, out_channels/groups, kernel_size).
std::vector<double> conv1d(const LayerSpec& s, const std::vector<double>& w, const std::vector<double>& y,
                           std::int64_t m, std::int64_t length) {
  const std::int64_t group_outputs = s.out_channels / s.groups, group_inputs = s.in_channels / s.groups;
  std::vector<double> x(static_cast<std::size_t>(s.in_channels * length));
  for (std::int64_t ci = 0; ci < s.in_channels; ++ci)
    for (std::int64_t i = 0; i < length; ++i)
      for (std::int64_t c = 0; c < group_outputs; ++c)
        for (std::int64_t j = 0; j < s.kernel_size; ++j) {
          const std::int64_t o = i * s.stride + j * s.dilation - s.padding;
          if (o < 0 || o >= m) continue;
          const std::int64_t co = ci / group_inputs * group_outputs + c;
          x[static_cast<std::size_t>(ci * length + i)] +=
              w[static_cast<std::size_t>((ci * group_outputs + c) * s.kernel_size + j)] *
              y[static_cast<std::size_t>(co * m + o)];
        }
  return x;
}

double inner_product(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::vector<LayerSpec> layers(DType dtype) {
  struct Case {
    std::int64_t in, out, kernel, stride, dilation, groups, padding;
  };
  std::vector<LayerSpec> result;
  for (const Case& c : std::vector<Case>{{4, 6, 16, 8, 1, 1, 4},
                                         {5, 3, 7, 3, 1, 1, 0},
                                         {6, 6, 4, 2, 1, 6, 1},
                                         {8, 4, 5, 4, 3, 2, 2},
                                         {3, 2, 9, 6, 4, 1, 5}}) {
    LayerSpec spec = layer(c.in, c.out, c.kernel, c.stride);
    spec.dilation = c.dilation;
    spec.groups = c.groups;
    spec.padding = c.padding;
    spec.bias = false;
    spec.dtype = dtype;
    result.push_back(spec);
  }
  return result;
}

TEST(Adjoint, OfConv1dIsTheLayer) {
  for (const LayerSpec& spec : layers(DType::float64)) {
    for (const char* strategy : {"row_lanes", "column_lanes"}) {
      const Kernel kernel = engine().compile(spec, {.target = "cpu", .plan = strategy});
      const LayerData<double> data(spec, 1, 83);
      const std::int64_t m = kernel.output_length(83);
      const auto y = tools::random_values<double>(spec.out_channels * m, 99);
      const double left = inner_product(conv1d(spec, data.w, y, m, 83), data.x);
      const double right = inner_product(y, run(kernel, data));
      EXPECT_NEAR(left, right, 1e-12 * std::sqrt(static_cast<double>(data.x.size() * data.w.size())))
          << describe(kernel, data);
    }
  }
}

// Of small integers, whose sums are exact in any type: the two sides are equal.
template <typename T>
void expect_exact_adjoint() {
  for (const LayerSpec& spec : layers(dtype_of<T>)) {
    LayerData<T> data(spec, 1, 83);
    tools::SplitMix64 random(1);
    const auto draw = [&](std::vector<T>& values) {
      std::vector<double> same;
      for (T& value : values) {
        value = T(static_cast<float>(random.below(5) - 2));
        same.push_back(value_of(value));
      }
      return same;
    };
    const std::vector<double> w = draw(data.w), x = draw(data.x);
    const Kernel kernel = engine().compile(spec);
    const std::int64_t m = kernel.output_length(83);
    std::vector<T> y_elements(static_cast<std::size_t>(spec.out_channels * m));
    const std::vector<double> y = draw(y_elements);
    std::vector<double> result;
    for (const T value : run(kernel, data)) result.push_back(value_of(value));
    EXPECT_EQ(inner_product(conv1d(spec, w, y, m, 83), x), inner_product(y, result)) << describe(kernel, data);
  }
}

TEST(Adjoint, Of16BitIntegersIsExact) {
  expect_exact_adjoint<Float16>();
  expect_exact_adjoint<BFloat16>();
}

}  // namespace
}  // namespace unstride::testing
