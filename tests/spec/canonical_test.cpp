#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "spec_testing.h"

namespace unstride {
namespace {

// Cache keys are made of this text: a change here orphans every cached kernel, so it needs a new key version.
TEST(CanonicalForm, IsThisText) {
  EXPECT_EQ(to_json(small_layer()),
            R"({"bias":true,"dilation":1,"dtype":"float32","epilogue":{"op":"none"},"groups":1,"in_channels":4,)"
            R"("kernel_size":3,"math":"strict","op":"conv_transpose1d","out_channels":6,"output_padding":0,)"
            R"("padding":0,"padding_mode":"zeros","prologue":{"op":"none"},"stride":1,"trim":[0,0]})");

  const LayerSpec every_field_changed = {.in_channels = 8,
                                         .out_channels = 4,
                                         .kernel_size = 5,
                                         .stride = 6,
                                         .padding = 7,
                                         .output_padding = 3,
                                         .dilation = 9,
                                         .groups = 2,
                                         .bias = false,
                                         .trim = {11, 12},
                                         .dtype = DType::float64,
                                         .math = Math::fast,
                                         .prologue = {Activation::Op::leaky_relu, 0.1},
                                         .epilogue = {Activation::Op::relu}};
  EXPECT_EQ(to_json(every_field_changed),
            R"({"bias":false,"dilation":9,"dtype":"float64","epilogue":{"op":"relu"},"groups":2,"in_channels":8,)"
            R"("kernel_size":5,"math":"fast","op":"conv_transpose1d","out_channels":4,"output_padding":3,"padding":7,)"
            R"("padding_mode":"zeros","prologue":{"negative_slope":0.1,"op":"leaky_relu"},"stride":6,"trim":[11,12]})");
}

TEST(CanonicalForm, IsTheSameForEveryWayToWriteALayer) {
  const std::string plain = layer_with(R"("stride": 2, "prologue": {"op": "leaky_relu", "negative_slope": 0.01})");
  const std::string shorthand = layer_with(R"("prologue": "leaky_relu", "epilogue": null, "stride": [2])");
  EXPECT_EQ(to_json(parse_spec(plain)), to_json(parse_spec(shorthand)));
}

TEST(CanonicalForm, PrintsTheShortestSlopeThatReadsBack) {
  struct Case {
    double slope;
    const char* text;
  };
  for (const Case& c : {Case{0.1, "0.1"},
                        {1.0, "1.0"},
                        {-0.0, "-0.0"},
                        {1.0 / 3, "0.3333333333333333"},
                        {5e-324, "5e-324"},
                        {0.1f, "0.10000000149011612"}}) {
    LayerSpec spec = small_layer();
    spec.prologue = {Activation::Op::leaky_relu, c.slope};
    const std::string expected = std::string(R"("prologue":{"negative_slope":)") + c.text + R"(,"op":"leaky_relu"})";
    EXPECT_NE(to_json(spec).find(expected), std::string::npos) << to_json(spec);
    EXPECT_EQ(parse_spec(to_json(spec)), spec);
  }
}

TEST(CanonicalForm, ReadsBackAsTheSameLayer) {
  constexpr unsigned seed = 20240501;
  std::mt19937_64 random(seed);
  const auto any = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const auto any_activation = [&]() -> Activation {
    switch (any(0, 2)) {
      case 0:
        return {};
      case 1:
        return {Activation::Op::relu};
      default:
        return {Activation::Op::leaky_relu, std::uniform_real_distribution<>(-1, 1)(random)};
    }
  };
  for (int i = 0; i < 1000; ++i) {
    LayerSpec spec;
    spec.groups = any(1, 1 << 20);
    spec.in_channels = spec.groups * any(1, 100);
    spec.out_channels = spec.groups * any(1, 100);
    spec.kernel_size = any(1, 10'000);
    spec.stride = any(1, std::numeric_limits<std::int64_t>::max());
    spec.padding = any(0, std::numeric_limits<std::int64_t>::max());
    spec.output_padding = any(0, spec.stride - 1);
    spec.dilation = any(1, 1 << 20);
    spec.bias = any(0, 1) == 1;
    spec.trim = {any(0, 100), any(0, std::numeric_limits<std::int64_t>::max())};
    spec.dtype = any(0, 1) == 1 ? DType::float64 : DType::float32;
    spec.math = any(0, 1) == 1 ? Math::fast : Math::strict;
    spec.prologue = any_activation();
    spec.epilogue = any_activation();
    ASSERT_NO_THROW(validate(spec)) << to_json(spec);
    ASSERT_EQ(parse_spec(to_json(spec)), spec) << to_json(spec);
    ASSERT_EQ(to_json(parse_spec(to_json(spec))), to_json(spec));
  }
}

}  // namespace
}  // namespace unstride
