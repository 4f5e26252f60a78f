// The oracle against cases worked out by hand, against the scatter form of the operator, and against wrong answers.
#include "tools/support/oracle.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tools/support/random_data.h"

namespace unstride::tools {
namespace {

constexpr std::int64_t everything = std::numeric_limits<std::int64_t>::max();

LayerSpec layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  LayerSpec spec;
  spec.in_channels = in;
  spec.out_channels = out;
  spec.kernel_size = kernel;
  spec.stride = stride;
  return spec;
}

template <typename T>
struct Data {
  Data(const LayerSpec& of, std::int64_t n, std::int64_t l)
      : spec(of),
        batch(n),
        length(l),
        x(random_values<T>(n * of.in_channels * l, 1)),
        w(random_values<T>(of.weight_count(), 2)),
        b(random_values<T>(of.bias ? of.out_channels : 0, 3)) {}

  Problem<T> problem() const { return {spec, batch, length, x, w, b}; }

  LayerSpec spec;
  std::int64_t batch, length;
  std::vector<T> x, w, b;
};

// The operator as the textbooks have it: every input is scattered over the output. Exact for small integers.
std::vector<float> scatter(const Data<float>& data) {
  const LayerSpec& s = data.spec;
  const std::int64_t columns = output_length(s, data.length);
  const std::int64_t group_outputs = s.out_channels_per_group();
  std::vector<float> y(static_cast<std::size_t>(data.batch * s.out_channels * columns));
  for (std::int64_t n = 0; n < data.batch; ++n) {
    for (std::int64_t co = 0; co < s.out_channels; ++co) {
      float* row = y.data() + (n * s.out_channels + co) * columns;
      for (std::int64_t o = 0; o < columns; ++o) row[o] = s.bias ? data.b[co] : 0;
      for (std::int64_t ci = 0; ci < s.in_channels; ++ci) {
        if (ci / s.in_channels_per_group() != co / group_outputs) continue;
        for (std::int64_t i = 0; i < data.length; ++i) {
          for (std::int64_t j = 0; j < s.kernel_size; ++j) {
            const std::int64_t o = i * s.stride + j * s.dilation - s.padding - s.trim[0];
            if (o < 0 || o >= columns) continue;
            row[o] += data.x[(n * s.in_channels + ci) * data.length + i] *
                      data.w[(ci * group_outputs + co % group_outputs) * s.kernel_size + j];
          }
        }
      }
    }
  }
  return y;
}

void round_to_integers(std::vector<float>& values) {
  for (float& value : values) value = std::round(value * 8);
}

TEST(Oracle, AgreesWithACaseWorkedOutByHand) {
  const std::vector<float> x{1, 2, 3}, w{10, 20, 30}, b{5};
  const Problem<float> problem{layer(1, 1, 3, 2), 1, 3, x, w, b};
  EXPECT_EQ(reference(problem), (std::vector<float>{15, 25, 55, 45, 95, 65, 95}));
}

TEST(Oracle, OutputPaddingAddsBiasAndTrimCropsBothEnds) {
  LayerSpec spec = layer(1, 1, 2, 3);
  spec.output_padding = 2;
  spec.trim = {1, 1};
  const std::vector<float> x{1, 2}, w{10, 20}, b{5};
  // Untrimmed: 15 25 5 25 45 5 5; the last two are output padding.
  EXPECT_EQ(reference(Problem<float>{spec, 1, 2, x, w, b}), (std::vector<float>{25, 5, 25, 45, 5}));
}

TEST(Oracle, AppliesPrologueToInputsAndEpilogueToOutputs) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.bias = false;
  spec.prologue = {.op = Activation::Op::relu};
  spec.epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.5};
  const std::vector<float> x{-4, 3}, w{-2};
  EXPECT_EQ(reference(Problem<float>{spec, 1, 2, x, w, {}}), (std::vector<float>{0, -3}));
}

TEST(Oracle, AgreesWithTheScatterFormForEveryMixOfParameters) {
  std::int64_t compared = 0;
  for (std::int64_t stride = 1; stride <= 4; ++stride) {
    for (std::int64_t dilation = 1; dilation <= 4; ++dilation) {
      for (std::int64_t kernel = 1; kernel <= 5; ++kernel) {
        for (const std::int64_t groups : {1, 2}) {
          LayerSpec spec = layer(4, 6, kernel, stride);
          spec.dilation = dilation;
          spec.groups = groups;
          spec.padding = dilation * (kernel - 1) / 2;
          spec.output_padding = (stride > dilation ? stride : dilation) - 1;
          spec.trim = {stride / 2, 1};
          spec.bias = kernel % 2 == 0;
          Data<float> data(spec, 2, 5);
          for (std::vector<float>* values : {&data.x, &data.w, &data.b}) round_to_integers(*values);
          ASSERT_EQ(reference(data.problem()), scatter(data)) << to_json(spec);
          ++compared;
        }
      }
    }
  }
  EXPECT_EQ(compared, 160);
}

template <typename T>
class Verify : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Verify, Types);

TYPED_TEST(Verify, AcceptsItsOwnReference) {
  const Data<TypeParam> data(layer(8, 3, 5, 2), 2, 20);
  const auto y = reference(data.problem());
  const Verification result = verify(data.problem(), std::span<const TypeParam>(y), everything);
  EXPECT_TRUE(result.verified) << result.first_failure;
  EXPECT_EQ(result.checked, result.total);
  EXPECT_EQ(result.total, std::ssize(y));
  EXPECT_LE(result.max_rel_error, std::numeric_limits<TypeParam>::epsilon());
}

TYPED_TEST(Verify, RefusesOneOutputThatIsSlightlyWrongAndNamesIt) {
  const Data<TypeParam> data(layer(8, 3, 5, 2), 2, 20);
  auto y = reference(data.problem());
  const std::int64_t columns = output_length(data.spec, data.length);
  y[(1 * 3 + 2) * columns + 7] += 1000 * std::numeric_limits<TypeParam>::epsilon();
  const Verification result = verify(data.problem(), std::span<const TypeParam>(y), everything);
  EXPECT_FALSE(result.verified);
  EXPECT_GT(result.max_rel_error, result.tolerance);
  EXPECT_NE(result.first_failure.find("y[n=1, co=2, o=7]"), std::string::npos) << result.first_failure;
  EXPECT_NE(result.first_failure.find("1 of "), std::string::npos) << result.first_failure;
}

TYPED_TEST(Verify, AcceptsAChainInTheTypeItself) {
  const Data<TypeParam> data(layer(512, 2, 4, 2), 1, 16);
  const LayerSpec& s = data.spec;
  const std::int64_t columns = output_length(s, data.length);
  std::vector<TypeParam> y;
  for (std::int64_t co = 0; co < s.out_channels; ++co) {
    for (std::int64_t o = 0; o < columns; ++o) {
      TypeParam sum = data.b[co];
      for (std::int64_t ci = 0; ci < s.in_channels; ++ci) {
        for (std::int64_t j = o % 2; j < 4; j += 2) {
          const std::int64_t i = (o - j) / 2;
          if (o < j || i >= data.length) continue;
          sum = std::fma(data.x[ci * data.length + i], data.w[(ci * 2 + co) * 4 + j], sum);
        }
      }
      y.push_back(sum);
    }
  }
  const Verification result = verify(data.problem(), std::span<const TypeParam>(y), everything);
  EXPECT_TRUE(result.verified) << result.first_failure;
  EXPECT_GT(result.max_rel_error, 0);
}

TEST(Verify, SamplesALargeJobWithBothEndsOfEveryChannel) {
  constexpr std::int64_t channels = 8;
  const Data<float> data(layer(4, channels, 4, 2), 1, 1000);
  const auto right = reference(data.problem());
  const std::int64_t columns = output_length(data.spec, data.length);
  const auto checked = [&](const std::vector<float>& y) {
    return verify(data.problem(), std::span<const float>(y), 5000);
  };
  const Verification sampled = checked(right);
  EXPECT_TRUE(sampled.verified);
  EXPECT_LT(sampled.checked, sampled.total);
  EXPECT_GT(sampled.checked, 200);
  for (std::int64_t co = 0; co < channels; ++co) {
    for (const std::int64_t o : {std::int64_t{0}, std::int64_t{3}, columns - 4, columns - 1}) {
      auto wrong = right;
      wrong[co * columns + o] += 1;
      EXPECT_FALSE(checked(wrong).verified) << "co " << co << ", o " << o;
    }
  }
}

TEST(Verify, SamplesAtRandomWhenThereAreMoreChannelsThanCanBeChecked) {
  const Data<float> data(layer(1, 500, 2, 2), 4, 50);
  const auto y = reference(data.problem());
  const Verification result = verify(data.problem(), std::span<const float>(y), 1);
  EXPECT_TRUE(result.verified);
  EXPECT_GT(result.checked, 32);
  EXPECT_LE(result.checked, 64);
}

TEST(Verify, ALongKernelWithFewTapsIsNoLargeJobInDisguise) {
  const Data<float> data(layer(1, 1, 4096, 1024), 1, 100);  // four taps an output, but 4096 elements to visit
  const auto y = reference(data.problem());
  const Verification result = verify(data.problem(), std::span<const float>(y), 4100 * 100);
  EXPECT_TRUE(result.verified);
  EXPECT_LE(result.checked, 100);
}

TEST(Verify, NotANumberAndInfinitiesMustAgreeInKind) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const LayerSpec spec = layer(1, 1, 1, 1);
  const std::vector<float> x{1, infinity, nan}, w{2}, b{0};
  const Problem<float> problem{spec, 1, 3, x, w, b};
  const auto accepts = [&](std::vector<float> y) {
    return verify(problem, std::span<const float>(y), everything).verified;
  };
  EXPECT_TRUE(accepts({2, infinity, nan}));
  EXPECT_FALSE(accepts({nan, infinity, nan}));
  EXPECT_FALSE(accepts({2, -infinity, nan}));
  EXPECT_FALSE(accepts({2, nan, nan}));
  EXPECT_FALSE(accepts({2, infinity, 2}));
}

TEST(Oracle, ActivationsKeepNotANumber) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.bias = false;
  const std::vector<float> x{std::numeric_limits<float>::quiet_NaN()}, w{1};
  for (const auto op : {Activation::Op::relu, Activation::Op::leaky_relu}) {
    spec.prologue = {.op = op};
    spec.epilogue = {};
    EXPECT_TRUE(std::isnan(reference(Problem<float>{spec, 1, 1, x, w, {}})[0]));
    std::swap(spec.prologue, spec.epilogue);
    EXPECT_TRUE(std::isnan(reference(Problem<float>{spec, 1, 1, x, w, {}})[0]));
  }
}

TEST(Verify, AnInfiniteWeightReachesTheBorderWhereInputsAreZero) {
  LayerSpec spec = layer(1, 1, 2, 1);
  spec.bias = false;
  const std::vector<float> x{1}, w{1, std::numeric_limits<float>::infinity()};
  const auto y = reference(Problem<float>{spec, 1, 1, x, w, {}});
  EXPECT_TRUE(std::isnan(y[0]));  // 1*1 + 0*inf
  EXPECT_TRUE(std::isinf(y[1]));  // 0*1 + 1*inf
}

TEST(Verify, AnInfinityMeetsOnlyTheTapsOfItsPhases) {
  LayerSpec spec = layer(1, 1, 1, 2);  // every second output has no taps
  const std::vector<float> x{std::numeric_limits<float>::infinity(), 1}, w{1}, b{5};
  const auto y = reference(Problem<float>{spec, 1, 2, x, w, b});
  EXPECT_TRUE(std::isinf(y[0]));
  EXPECT_EQ(y[1], 5);
  EXPECT_EQ(y[2], 6);
}

TEST(Verify, TheToleranceIsHighamsGammaOfTheLongestChain) {
  LayerSpec spec = layer(8, 1, 5, 2);  // phases of 3 and 2 taps
  const Data<float> plain(spec, 1, 4);
  const auto tolerance = [](const Data<float>& data) {
    const auto y = reference(data.problem());
    return verify(data.problem(), std::span<const float>(y), everything).tolerance;
  };
  const auto gamma = [](double n) { return n * 0x1p-24 / (1 - n * 0x1p-24); };
  EXPECT_NEAR(tolerance(plain), gamma(8 * 3 + 2), 1e-14);
  spec.prologue = spec.epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.1};
  EXPECT_NEAR(tolerance(Data<float>(spec, 1, 4)), gamma(8 * 3 + 4), 1e-14);
}

TEST(Verify, WhereAnIntermediateResultMayOverflowAnythingNotFinitePasses) {
  LayerSpec spec = layer(2, 1, 1, 1);
  spec.bias = false;
  const std::vector<float> x{3e38f, 3e38f}, w{2, -2};  // 6e38 - 6e38
  const Problem<float> problem{spec, 1, 1, x, w, {}};
  for (const float y : {0.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_TRUE(verify(problem, std::span<const float>(&y, 1), everything).verified) << y;
  }
}

TEST(Verify, ASteepEpilogueScalesWhatErrorsAreRelativeTo) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.bias = false;
  spec.epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = 4};
  const std::vector<float> x{1}, w{-1}, y{-4.5};
  const Verification result = verify(Problem<float>{spec, 1, 1, x, w, {}}, std::span<const float>(y), everything);
  EXPECT_EQ(result.max_abs_error, 0.5);
  EXPECT_EQ(result.max_rel_error, 0.125);
}

TEST(Verify, ASlopeIsANumberOfTheLayersType) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.bias = false;
  spec.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.1};
  const std::vector<float> x{-1}, w{1}, y{-0.1f};
  EXPECT_EQ(verify(Problem<float>{spec, 1, 1, x, w, {}}, std::span<const float>(y), everything).max_abs_error, 0);
}

TEST(Verify, SubnormalProductsMayBeOffByTheirSpacing) {
  LayerSpec spec = layer(1, 1, 1, 1);
  spec.bias = false;
  const std::vector<float> x{0x1p-140f * 1.5f}, w{0x1.8p-9f};  // 2.25 spacings of the smallest subnormal
  const std::vector<float> y{2 * std::numeric_limits<float>::denorm_min()};
  EXPECT_TRUE(verify(Problem<float>{spec, 1, 1, x, w, {}}, std::span<const float>(y), everything).verified);
}

TEST(Verify, WrongSizesAreRefusedByName) {
  const Data<float> data(layer(2, 1, 2, 2), 1, 4);
  const std::vector<float> y(8), short_y(7);
  Problem<float> problem = data.problem();
  EXPECT_NO_THROW(verify(problem, std::span<const float>(y), everything));
  EXPECT_THROW(verify(problem, std::span<const float>(short_y), everything), ArgumentError);
  problem.b = {};
  try {
    verify(problem, std::span<const float>(y), everything);
    FAIL() << "a missing bias was accepted";
  } catch (const ArgumentError& e) {
    EXPECT_STREQ(e.what(), "b: holds 0 elements, must hold 1 = 1");
  }
  problem = data.problem();
  problem.batch = everything;
  EXPECT_THROW(verify(problem, std::span<const float>(y), everything), ArgumentError);
}

TEST(Verify, AnEmptyBatchIsVerified) {
  const Data<float> data(layer(2, 1, 2, 2), 0, 4);
  const Verification result = verify(data.problem(), std::span<const float>(), everything);
  EXPECT_TRUE(result.verified);
  EXPECT_EQ(result.total, 0);
}

TEST(RandomData, IsTheSameOnEveryMachine) {
  // SplitMix64 of seed 0 begins e220a8397b1dcdaf, 6e789e6aa1b965f4.
  const auto doubles = random_values<double>(2, 0);
  EXPECT_EQ(doubles[0], static_cast<double>(0xe220a8397b1dcdafu >> 11) * 0x1p-52 - 1);
  EXPECT_EQ(doubles[1], static_cast<double>(0x6e789e6aa1b965f4u >> 11) * 0x1p-52 - 1);
  EXPECT_EQ(random_values<float>(1, 0)[0], static_cast<float>(0xe220a8397b1dcdafu >> 40) * 0x1p-23f - 1);
  EXPECT_NE(random_values<float>(8, 0), random_values<float>(8, 1));
}

TEST(RandomData, FillsTheHalfOpenInterval) {
  double smallest = 1, largest = -1;
  for (const float value : random_values<float>(100'000, 7)) {
    ASSERT_GE(value, -1.0f);
    ASSERT_LT(value, 1.0f);
    smallest = std::min<double>(smallest, value);
    largest = std::max<double>(largest, value);
  }
  EXPECT_LT(smallest, -0.999);
  EXPECT_GT(largest, 0.999);
}

}  // namespace
}  // namespace unstride::tools
