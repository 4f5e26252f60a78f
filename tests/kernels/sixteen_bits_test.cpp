// 16-bit elements: what the types themselves convert, and what kernels make of every bit pattern, of ties, of overflow
// and of numbers too small.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/kernels/kernel_testing.h"
#include "tests/oracle/sixteen_bits.h"

namespace unstride::testing {
namespace {

template <typename T>
T pattern(int bits) {
  T element;
  element.bits = static_cast<std::uint16_t>(bits);
  return element;
}

template <typename T>
std::vector<T> all_patterns() {
  std::vector<T> elements;
  for (int bits = 0; bits < 0x10000; ++bits) elements.push_back(pattern<T>(bits));
  return elements;
}

template <typename T>
class SixteenBits : public ::testing::Test {};
using Types = ::testing::Types<Float16, BFloat16>;
TYPED_TEST_SUITE(SixteenBits, Types);

TYPED_TEST(SixteenBits, EveryPatternConvertsToFloatAndBackAsDefined) {
  for (const TypeParam element : all_patterns<TypeParam>()) {
    ASSERT_TRUE(same_bits(static_cast<float>(element), value_of(element))) << std::hex << element.bits;
    ASSERT_TRUE(same_bits(TypeParam(value_of(element)), element)) << std::hex << element.bits;
  }
}

TYPED_TEST(SixteenBits, FloatsRoundToTheNearestTiesToEven) {
  const auto check = [](float value) {
    ASSERT_TRUE(same_bits(TypeParam(value), stored<TypeParam>(value))) << std::hexfloat << value;
  };
  // Halfway between neighbours, and a float's spacing to both sides of that.
  for (int bits = 0; bits < 0x7fff; ++bits) {
    const double low = value_of(pattern<TypeParam>(bits)), high = value_of(pattern<TypeParam>(bits + 1));
    if (std::isnan(low) || std::isnan(high)) continue;
    const auto tie = static_cast<float>(std::isinf(high) ? low + (low - value_of(pattern<TypeParam>(bits - 1))) / 2
                                                         : (low + high) / 2);
    for (const float value : {tie, std::nextafterf(tie, 0), std::nextafterf(tie, 2 * tie)}) {
      check(value);
      check(-value);
    }
  }
  tools::SplitMix64 random(1);
  for (int i = 0; i < 1'000'000; ++i) check(std::bit_cast<float>(static_cast<std::uint32_t>(random.next())));
}

// One weight of 1: y is x, widened and rounded again.
TYPED_TEST(SixteenBits, EveryPatternGoesThroughAKernel) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.dtype = dtype_of<TypeParam>;
  spec.bias = false;
  for (const std::string& target : runnable_instruction_sets())
    for (const char* strategy : {"row_lanes", "column_lanes"}) {
      const Kernel kernel = engine().compile(spec, {.target = target, .plan = strategy});
      LayerData<TypeParam> data(spec, 1, 0x10000);
      data.w = {TypeParam(1)};
      data.x = all_patterns<TypeParam>();
      std::vector<TypeParam> expected = data.x;
      expected[0x8000] = TypeParam(0);  // +0 + -0*1
      EXPECT_TRUE(same_bits(run(kernel, data), expected)) << describe(kernel, data);
    }
}

// Sums of three products of any patterns: every way to round, overflow, underflow, infinities of both signs, NaN.
TYPED_TEST(SixteenBits, SumsOfAnyPatternsFollowTheChain) {
  for (const auto& op : {Activation::Op::none, Activation::Op::relu, Activation::Op::leaky_relu}) {
    LayerSpec spec = layer(3, 2, 5, 3);
    spec.dtype = dtype_of<TypeParam>;
    spec.prologue.op = spec.epilogue.op = op;
    LayerData<TypeParam> data(spec, 1, 5000);
    tools::SplitMix64 random(1);
    const auto fill = [&](std::vector<TypeParam>& values, int exponents) {
      for (TypeParam& value : values) {
        // Around 1, so that most results are ordinary; every eighth is any pattern.
        value = pattern<TypeParam>(static_cast<int>(random.next() & 0xffff));
        if (random.below(8) == 0) continue;
        const double shrunk = std::ldexp(1.0 + static_cast<double>(random.below(2048)) / 2048,
                                         static_cast<int>(random.below(exponents)) - exponents / 2);
        value = stored<TypeParam>(random.below(2) == 0 ? shrunk : -shrunk);
      }
    };
    fill(data.x, 30);
    for (TypeParam& value : data.w)
      value = stored<TypeParam>(std::ldexp(1.0 + 0.25, static_cast<int>(random.below(4))));
    for (const std::string& target : runnable_instruction_sets())
      for (const char* strategy : {"row_lanes", "column_lanes"}) {
        const Kernel kernel = engine().compile(spec, {.target = target, .plan = strategy});
        EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
      }
  }
}

// 1 + 2^-p is a tie: it goes to the even neighbour, 1. A product beyond the largest number goes to infinity.
TYPED_TEST(SixteenBits, TiesGoToTheEvenNeighbourAndLargeSumsToInfinity) {
  LayerSpec spec = layer(2, 1, 1, 1);
  spec.dtype = dtype_of<TypeParam>;
  const double tie = dtype_of<TypeParam> == DType::float16 ? 0x1p-11 : 0x1p-8;
  const double largest = value_of(pattern<TypeParam>(dtype_of<TypeParam> == DType::float16 ? 0x7bff : 0x7f7f));
  const Kernel kernel = engine().compile(spec);
  LayerData<TypeParam> data(spec, 1, 4);
  data.w.assign(2, TypeParam(1));
  data.b.assign(1, TypeParam(0));
  const auto x = [](double value) { return stored<TypeParam>(value); };
  data.x = {x(1), x(1 + 2 * tie), x(largest), x(-largest), x(tie), x(tie), x(largest), x(-largest * tie)};
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(same_bits(run(kernel, data), {x(1), x(1 + 4 * tie), x(infinity), x(-infinity)}));
}

TYPED_TEST(SixteenBits, AModuleOwnsParametersOfTheType) {
  LayerSpec spec = layer(6, 4, 8, 4);
  spec.dtype = dtype_of<TypeParam>;
  const ConvTranspose1d<TypeParam> module(engine(), spec, 5);
  LayerData<TypeParam> data(spec, 2, 30);
  data.w = module.weight();
  data.b = module.bias();
  EXPECT_TRUE(equals_strict_chain(data, module(data.x, {.batch = 2}).data));
  const std::vector<float> floats = initial_parameters<float>(spec, 5);
  for (std::size_t i = 0; i < data.w.size(); ++i)
    ASSERT_EQ(value_of(data.w[i]), value_of(stored<TypeParam>(floats[i]))) << i;
}

TYPED_TEST(SixteenBits, ABufferOfTheOther16BitTypeIsRefused) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.dtype = dtype_of<TypeParam>;
  const Kernel kernel = engine().compile(spec);
  const DType other = spec.dtype == DType::float16 ? DType::bfloat16 : DType::float16;
  const std::uint16_t one = 0;
  try {
    kernel.pack({&one, 1, other}, {&one, 1, spec.dtype});
    ADD_FAILURE() << "was packed";
  } catch (const ArgumentError& error) {
    EXPECT_EQ(std::string(error.what()), "weight: elements are " + std::string(name(other)) + "; this kernel takes " +
                                             std::string(name(spec.dtype)));
  }
}

}  // namespace
}  // namespace unstride::testing
