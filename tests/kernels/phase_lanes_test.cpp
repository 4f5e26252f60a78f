// phase_lanes leaves out products with the border's zeros, and gives the bits of kernels that do not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/random_layers.h"
#include "tests/kernels/seeds.h"

namespace unstride::testing {
namespace {

std::string plan(int vectors, int columns, int strip_tiles) {
  const int strip = columns * strip_tiles;
  return fmt::format(
      "phase_lanes vectors={} columns={} input=packed prefetch=none taps=1 channel_block=1000000 strip={} "
      "column_block={}",
      vectors, columns, strip, 3 * strip);
}

// The lengths up to `most` that have an output.
std::vector<std::int64_t> lengths(const LayerSpec& spec, std::int64_t most) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t length = 1; length <= most; ++length)
    if (StrictChain<float>{spec, 0, length, {}, {}, {}}.output_length() > 0) lengths.push_back(length);
  return lengths;
}

// Phases of fewer taps, padding that cuts off whole phases, kernels of many strides, windows of their own for each
// phase, phases without taps, groups, no bias.
std::vector<LayerSpec> layers() {
  std::vector<LayerSpec> layers = {layer(7, 21, 7, 3), layer(8, 40, 4, 2), layer(5, 18, 23, 4), layer(6, 17, 9, 4),
                                   layer(4, 16, 5, 4), layer(12, 8, 6, 2), layer(3, 33, 12, 1)};
  layers[1].padding = 1;
  layers[2].padding = 9;
  layers[2].trim = {3, 5};
  layers[3].dilation = 3;
  layers[3].trim = {0, 7};
  layers[4].dilation = 6;
  layers[5].groups = 2;
  layers[5].padding = 2;
  layers[5].output_padding = 1;
  layers[6].bias = false;
  for (std::size_t i = 0; i < layers.size(); i += 2) layers[i].prologue = {.op = Activation::Op::relu};
  return layers;
}

// f(kernel, data) for each layer, instruction set, tile and short length.
template <typename T, typename F>
void for_each_call(const F& f) {
  for (LayerSpec spec : layers()) {
    spec.dtype = dtype_of<T>;
    for (const std::string& target : runnable_instruction_sets())
      for (const auto& [vectors, columns, strip_tiles] :
           {std::array{1, 1, 1}, std::array{1, 3, 2}, std::array{2, 2, 1}}) {
        const Kernel kernel = engine().compile(spec, {.target = target, .plan = plan(vectors, columns, strip_tiles)});
        for (const std::int64_t length : lengths(spec, 9)) f(kernel, LayerData<T>(spec, 2, length));
      }
  }
}

template <typename T>
class PhaseLanes : public ::testing::Test {};
using Types = ::testing::Types<float, double, Float16, BFloat16>;
TYPED_TEST_SUITE(PhaseLanes, Types);

TYPED_TEST(PhaseLanes, ShortCallsEqualTheStrictChain) {
  for_each_call<TypeParam>([](const Kernel& kernel, const LayerData<TypeParam>& data) {
    ASSERT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
  });
}

TEST(PhaseLanesBorder, GivesASumOfMinusZeroTheSignOfAllItsProducts) {
  int minus_zeros = 0;
  for_each_call<float>([&](const Kernel& kernel, LayerData<float> data) {
    tools::SplitMix64 random(static_cast<std::uint64_t>(data.length));
    // Products that underflow to zeros of both signs, on top of biases that are.
    for (float& value : data.x) value = random.below(2) == 0 ? 1e-30f : 0.0f;
    for (float& value : data.w) value = random.below(3) == 0 ? 1e-30f : -1e-30f;
    for (float& value : data.b) value = random.below(2) == 0 ? -0.0f : 0.0f;
    const std::vector<float> y = run(kernel, data);
    ASSERT_TRUE(equals_strict_chain(data, y)) << describe(kernel, data);
    minus_zeros += static_cast<int>(std::ranges::count_if(y, [](float v) { return v == 0 && std::signbit(v); }));
  });
  EXPECT_GT(minus_zeros, 0);
}

TEST(PhaseLanesBorder, CountsWhereAWeightIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    for_each_call<float>([&](const Kernel& kernel, LayerData<float> data) {
      data.w[data.w.size() / 2] = bad;
      ASSERT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
    });
}

TEST(PhaseLanesRandomLayers, EqualTheStrictChain) {
  constexpr int layers_per_seed = 25;
  for (const std::uint64_t seed : seeds()) {
    std::printf("UNSTRIDE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    SCOPED_TRACE("repeat with UNSTRIDE_TEST_SEED=" + std::to_string(seed));
    RandomLayers draw(seed);
    for (int i = 0; i < layers_per_seed; ++i) {
      LayerSpec spec = i % 4 == 0 ? draw.dilated_layer() : draw.layer();
      spec.dtype = DType::float32;
      const std::string wanted = plan(static_cast<int>(draw.between(1, 3)), static_cast<int>(draw.between(1, 4)),
                                      static_cast<int>(draw.between(1, 3)));
      for (const std::string& target : runnable_instruction_sets()) {
        const Kernel kernel = engine().compile(spec, {.target = target, .plan = wanted});
        for (const std::int64_t length : lengths(spec, 6)) {
          const LayerData<float> data(spec, 1, length, seed);
          ASSERT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
        }
      }
    }
  }
}

// With half of the overhang cut off, an output of one input has one tap.
TEST(PhaseLanesChoice, IsForShortCallsOfLayersWhoseTapsOverlap) {
  const auto chosen = [](LayerSpec spec) {
    spec.padding = 4;
    return engine().compile(spec, {.target = "cpu:x86-64-v4"}).info().plan;
  };
  EXPECT_TRUE(chosen(layer(512, 256, 16, 8)).starts_with("columns<=2: phase_lanes"));
  EXPECT_EQ(chosen(layer(512, 256, 8, 8)).find("phase_lanes"), std::string::npos) << "no two taps meet";
  EXPECT_EQ(chosen(layer(512, 1, 16, 8)).find("phase_lanes"), std::string::npos) << "one row of one phase";
}

}  // namespace
}  // namespace unstride::testing
