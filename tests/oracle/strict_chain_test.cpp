// The oracle against results worked out by hand, and against the scatter form of the operator.
#include "tests/oracle/strict_chain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/oracle/layer_data.h"

namespace unstride::testing {
namespace {

using Floats = std::vector<float>;

Floats outputs(const LayerSpec& spec, const Floats& x, const Floats& w, const Floats& b = {}) {
  const std::int64_t length = std::ssize(x) / spec.in_channels;
  const StrictChain<float> oracle{spec, 1, length, x, w, b};
  return oracle.outputs(oracle.output_length());
}

LayerSpec without_bias(LayerSpec spec) {
  spec.bias = false;
  return spec;
}

TEST(StrictChain, OverlapsAndAddsTheScaledKernels) {
  const LayerSpec spec = without_bias(layer(1, 1, 3, 2));
  EXPECT_EQ(outputs(spec, {1, 10}, {1, 2, 3}), (Floats{1, 2, 13, 20, 30}));
}

TEST(StrictChain, AddsTheBiasAlsoWhereOutputPaddingLengthens) {
  LayerSpec spec = layer(1, 1, 1, 3);
  spec.output_padding = 2;
  EXPECT_EQ(outputs(spec, {2, 4}, {1}, {0.5f}), (Floats{2.5f, 0.5f, 0.5f, 4.5f, 0.5f, 0.5f}));
}

TEST(StrictChain, CropsPaddingAndTrim) {
  LayerSpec spec = without_bias(layer(1, 1, 3, 2));
  spec.padding = 1;
  spec.trim = {0, 1};
  EXPECT_EQ(outputs(spec, {1, 10}, {1, 2, 3}), (Floats{2, 13}));
  spec.trim = {1, 0};
  EXPECT_EQ(outputs(spec, {1, 10}, {1, 2, 3}), (Floats{13, 20}));
}

TEST(StrictChain, ActivatesInputsAndOutputs) {
  LayerSpec spec = without_bias(layer(1, 1, 1, 1));
  spec.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.5};
  EXPECT_EQ(outputs(spec, {-2, 2}, {-1}), (Floats{1, -2}));
  spec.epilogue = {.op = Activation::Op::relu};
  EXPECT_EQ(outputs(spec, {-2, 2}, {-1}), (Floats{1, 0}));
}

TEST(StrictChain, ActivationsKeepNaNAndReluClearsTheSignOfZero) {
  LayerSpec spec = without_bias(layer(1, 1, 1, 1));
  spec.epilogue = {.op = Activation::Op::relu};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Floats y = outputs(spec, {nan, -0.0f}, {1});
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_TRUE(same_bits(y[1], 0.0f));
}

TEST(StrictChain, FusesEveryMultiplyAdd) {
  const float x = 1 + 0x1p-12f;  // x*x = 1 + 2^-11 + 2^-24, whose last bit a rounded product loses
  EXPECT_EQ(outputs(layer(1, 1, 1, 1), {x}, {x}, {-1 - 0x1p-11f}), (Floats{0x1p-24f}));
}

TEST(StrictChain, SumsInputChannelsThenTapsInOrder) {
  const float large = 0x1p24f;  // large + 1 == large
  EXPECT_EQ(outputs(layer(3, 1, 1, 1), {1, large, -large}, {1, 1, 1}, {0}), (Floats{0}));
  EXPECT_EQ(outputs(layer(3, 1, 1, 1), {large, -large, 1}, {1, 1, 1}, {0}), (Floats{1}));
  EXPECT_EQ(outputs(without_bias(layer(1, 1, 3, 1)), {1, 1, 1}, {1, large, -large})[2], 0);
  EXPECT_EQ(outputs(without_bias(layer(1, 1, 3, 1)), {1, 1, 1}, {large, -large, 1})[2], 1);
}

// The operator as the textbooks have it: every input is scattered over the output. Exact for small integers.
TEST(StrictChain, EqualsTheScatterForm) {
  for (const std::int64_t groups : {1, 2}) {
    LayerSpec spec = layer(4, 6, 5, 3);
    spec.groups = groups;
    spec.dilation = 2;
    spec.padding = 2;
    LayerData<float> data(spec, 2, 4);
    for (std::vector<float>* values : {&data.x, &data.w, &data.b})
      for (float& value : *values) value = std::round(8 * value);
    const std::int64_t row = data.oracle().output_length();

    std::vector<float> scattered(static_cast<std::size_t>(2 * 6 * row));
    for (std::int64_t n = 0; n < 2; ++n)
      for (std::int64_t co = 0; co < 6; ++co) {
        float* y = &scattered[(n * 6 + co) * row];
        std::fill_n(y, row, data.b[co]);
        for (std::int64_t ci = 0; ci < 4; ++ci) {
          if (ci / (4 / groups) != co / (6 / groups)) continue;
          for (std::int64_t i = 0; i < 4; ++i)
            for (std::int64_t j = 0; j < 5; ++j) {
              const std::int64_t o = i * 3 + j * 2 - 2;
              if (o >= 0 && o < row)
                y[o] += data.x[(n * 4 + ci) * 4 + i] * data.w[(ci * (6 / groups) + co % (6 / groups)) * 5 + j];
            }
        }
      }
    EXPECT_EQ(data.oracle().outputs(row), scattered) << groups << " groups";
  }
}

}  // namespace
}  // namespace unstride::testing
