// ConvTranspose1d, the module that owns its weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

TEST(InitialParameters, AreUniformBetweenTheBoundsOfTheFrameworks) {
  LayerSpec spec = layer(64, 96, 16, 8);
  spec.groups = 4;
  const double bound = std::sqrt(4.0 / (96 * 16));
  const auto values = initial_parameters<double>(spec, 1);
  ASSERT_EQ(std::ssize(values), 64 * 24 * 16 + 96);
  const double count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  const double square = std::inner_product(values.begin(), values.end(), values.begin(), 0.0) / count;
  EXPECT_LE(std::ranges::max(values), bound);
  EXPECT_GE(std::ranges::min(values), -bound);
  EXPECT_GT(std::ranges::max(values), 0.999 * bound);
  EXPECT_LT(std::ranges::min(values), -0.999 * bound);
  EXPECT_NEAR(mean, 0, 5 * bound / std::sqrt(3 * count));  // five standard errors
  EXPECT_NEAR(square, bound * bound / 3, bound * bound * 5 * std::sqrt(4.0 / 45 / count));
}

TEST(InitialParameters, AreTheSameForTheSameSeedAndOthersForAnother) {
  const LayerSpec spec = layer(3, 4, 5, 2);
  EXPECT_EQ(initial_parameters<float>(spec, 7), initial_parameters<float>(spec, 7));
  EXPECT_NE(initial_parameters<float>(spec, 7), initial_parameters<float>(spec, 8));
}

TEST(InitialParameters, OfFloatAreThoseOfDoubleRounded) {
  const LayerSpec spec = layer(3, 4, 5, 2);
  const auto wide = initial_parameters<double>(spec, 7);
  EXPECT_EQ(initial_parameters<float>(spec, 7), std::vector<float>(wide.begin(), wide.end()));
}

// The numbers themselves, so that no release changes them unnoticed.
TEST(InitialParameters, OfAKnownSeedAreKnown) {
  LayerSpec spec = layer(1, 1, 4, 1);
  spec.bias = false;
  const auto values = initial_parameters<double>(spec, 0);
  // From the formula: (x >> 11) * 2^-53 of mt19937_64(0), scaled to [-0.5, 0.5).
  std::mt19937_64 engine(0);
  for (const double value : values) EXPECT_EQ(value, static_cast<double>(engine() >> 11) * 0x1p-53 - 0.5);
}

TEST(Module, ComputesTheLayerOfItsParameters) {
  LayerSpec spec = layer(6, 4, 7, 3);
  spec.padding = 2;
  const ConvTranspose1d<float> module(engine(), spec, 5);
  LayerData<float> data(spec, 2, 20);
  data.w = module.weight();
  data.b = module.bias();
  const auto y = module(data.x, {.batch = 2});
  EXPECT_EQ(y.length, module.kernel().output_length(20));
  EXPECT_TRUE(equals_strict_chain(data, y.data));
}

TEST(Module, StartsFromTheInitialParametersOfItsSeed) {
  const LayerSpec spec = layer(6, 4, 7, 3);
  const ConvTranspose1d<float> module(engine(), spec, 5);
  std::vector<float> all = module.weight();
  all.insert(all.end(), module.bias().begin(), module.bias().end());
  EXPECT_EQ(all, initial_parameters<float>(spec, 5));
}

TEST(Module, TakesUnbatchedInput) {
  const LayerSpec spec = layer(3, 2, 4, 2);
  const ConvTranspose1d<float> module(engine(), spec);
  const LayerData<float> data(spec, 1, 10);
  EXPECT_EQ(module(data.x).data, module(data.x, {.batch = 1}).data);
}

TEST(Module, AnOutputSizeStandsForAnOutputPadding) {
  LayerSpec spec = layer(3, 2, 4, 3);
  const ConvTranspose1d<float> module(engine(), spec);
  const LayerData<float> data(spec, 1, 10);
  const std::int64_t shortest = module.kernel().output_length(10);
  for (std::int64_t output_padding = 0; output_padding < 3; ++output_padding) {
    spec.output_padding = output_padding;
    LayerData<float> padded(spec, 1, 10);
    padded.w = module.weight();
    padded.b = module.bias();
    const auto y = module(data.x, {.output_size = shortest + output_padding});
    EXPECT_EQ(y.length, shortest + output_padding);
    EXPECT_TRUE(equals_strict_chain(padded, y.data));
  }
  EXPECT_THROW(module(data.x, {.output_size = shortest + 3}), SpecError);
  EXPECT_THROW(module(data.x, {.output_size = shortest - 1}), SpecError);
}

TEST(Module, ParametersThatDoNotFitLeaveTheOldOnesInPlace) {
  const LayerSpec spec = layer(3, 2, 4, 2);
  ConvTranspose1d<float> module(engine(), spec);
  const LayerData<float> data(spec, 1, 10);
  const auto before = module(data.x);
  EXPECT_THROW(module.set_parameters({1, 2, 3}, {1, 2}), ArgumentError);
  EXPECT_EQ(module(data.x).data, before.data);
  module.set_parameters(data.w, data.b);
  EXPECT_TRUE(equals_strict_chain(data, module(data.x).data));
}

TEST(Module, ComputesInDoubleToo) {
  LayerSpec spec = layer(3, 2, 4, 2);
  spec.dtype = DType::float64;
  const ConvTranspose1d<double> module(engine(), spec);
  LayerData<double> data(spec, 1, 10);
  data.w = module.weight();
  data.b = module.bias();
  EXPECT_TRUE(equals_strict_chain(data, module(data.x).data));
}

TEST(Module, RefusesASpecOfAnotherType) {
  EXPECT_THROW(ConvTranspose1d<double>(engine(), layer(3, 2, 4, 2)), SpecError);
}

TEST(Module, RefusesInputThatDoesNotDivideIntoChannels) {
  const ConvTranspose1d<float> module(engine(), layer(3, 2, 4, 2));
  EXPECT_THROW(module(std::vector<float>(10)), ArgumentError);
  EXPECT_THROW(module(std::vector<float>(30), {.batch = 0}), ArgumentError);
  EXPECT_THROW(module(std::vector<float>()), SpecError);  // no samples
}

}  // namespace
}  // namespace unstride::testing
