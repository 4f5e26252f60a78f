// Everything that parse_spec accepts, and what it reads.
#include <gtest/gtest.h>

#include <functional>

#include "spec_testing.h"

namespace unstride {
namespace {

struct AcceptedCase {
  const char* name;
  const char* fields;                        ///< beside the required ones
  std::function<void(LayerSpec&)> expected;  ///< what they change in small_layer()
};

// GoogleTest prints parameters; the name is what a reader wants to see.
void PrintTo(const AcceptedCase& c, std::ostream* out) {
  *out << c.name;
}

class Accepted : public testing::TestWithParam<AcceptedCase> {};

TEST_P(Accepted, ReadsWhatWasWritten) {
  LayerSpec expected = small_layer();
  GetParam().expected(expected);
  EXPECT_EQ(parse_spec(layer_with(GetParam().fields)), expected);
}

using Op = Activation::Op;
constexpr auto unchanged = [](LayerSpec&) {};

const AcceptedCase accepted_cases[] = {
    {"TheRequiredFieldsAlone", "", unchanged},
    {"Stride", R"("stride": 2)", [](LayerSpec& s) { s.stride = 2; }},
    {"Padding", R"("padding": 1)", [](LayerSpec& s) { s.padding = 1; }},
    {"Dilation", R"("dilation": 3)", [](LayerSpec& s) { s.dilation = 3; }},
    {"OneElementLists", R"("stride": [5], "padding": [2], "output_padding": [4], "dilation": [3])",
     [](LayerSpec& s) { s.stride = 5, s.padding = 2, s.output_padding = 4, s.dilation = 3; }},
    {"OutputPaddingBelowStride", R"("stride": 2, "output_padding": 1)",
     [](LayerSpec& s) { s.stride = 2, s.output_padding = 1; }},
    {"OutputPaddingBelowDilation", R"("dilation": 4, "output_padding": 3)",
     [](LayerSpec& s) { s.dilation = 4, s.output_padding = 3; }},
    {"Groups", R"("groups": 2)", [](LayerSpec& s) { s.groups = 2; }},
    {"NoBias", R"("bias": false)", [](LayerSpec& s) { s.bias = false; }},
    {"ZerosPaddingMode", R"("padding_mode": "zeros")", unchanged},
    {"Trim", R"("trim": [1, 2])",
     [](LayerSpec& s) {
       s.trim = {1, 2};
     }},
    {"Float32", R"("dtype": "float32")", unchanged},
    {"Float64", R"("dtype": "float64")", [](LayerSpec& s) { s.dtype = DType::float64; }},
    {"Float16", R"("dtype": "float16")", [](LayerSpec& s) { s.dtype = DType::float16; }},
    {"BFloat16", R"("dtype": "bfloat16")", [](LayerSpec& s) { s.dtype = DType::bfloat16; }},
    {"StrictMath", R"("math": "strict")", unchanged},
    {"FastMath", R"("math": "fast")", [](LayerSpec& s) { s.math = Math::fast; }},
    {"NullActivations", R"("prologue": null, "epilogue": null)", unchanged},
    {"NoneByName", R"("prologue": "none", "epilogue": {"op": "none"})", unchanged},
    {"ReluByName", R"("prologue": "relu")", [](LayerSpec& s) { s.prologue.op = Op::relu; }},
    {"ReluAsObject", R"("epilogue": {"op": "relu"})", [](LayerSpec& s) { s.epilogue.op = Op::relu; }},
    {"LeakyReluByName", R"("prologue": "leaky_relu")",
     [](LayerSpec& s) {
       s.prologue = {Op::leaky_relu, 0.01};
     }},
    {"LeakyReluHasADefaultSlope", R"("prologue": {"op": "leaky_relu"})",
     [](LayerSpec& s) {
       s.prologue = {Op::leaky_relu, 0.01};
     }},
    {"LeakyReluSlope", R"("prologue": {"negative_slope": 0.1, "op": "leaky_relu"})",
     [](LayerSpec& s) {
       s.prologue = {Op::leaky_relu, 0.1};
     }},
    {"AnIntegerSlope", R"("epilogue": {"op": "leaky_relu", "negative_slope": -2})",
     [](LayerSpec& s) {
       s.epilogue = {Op::leaky_relu, -2.0};
     }},
    {"ASlopeBeyond64Bits", R"("epilogue": {"op": "leaky_relu", "negative_slope": 100000000000000000000})",
     [](LayerSpec& s) {
       s.epilogue = {Op::leaky_relu, 1e20};
     }},
    {"ASlopeThatOnlyFloat64Holds", R"("dtype": "float64", "prologue": {"op": "leaky_relu", "negative_slope": 1e39})",
     [](LayerSpec& s) {
       s.dtype = DType::float64, s.prologue = {Op::leaky_relu, 1e39};
     }},
    {"TheLargestInteger", R"("padding": 9223372036854775807)", [](LayerSpec& s) { s.padding = 9223372036854775807; }},
    {"WhiteSpaceAndEscapes", "\"\\u0073tride\"\n\t:\r 2", [](LayerSpec& s) { s.stride = 2; }},
};
INSTANTIATE_TEST_SUITE_P(Spec, Accepted, testing::ValuesIn(accepted_cases), CaseName());

TEST(ParseSpec, KernelSizeMayBeAList) {
  const LayerSpec spec =
      parse_spec(R"({"op": "conv_transpose1d", "in_channels": 4, "out_channels": 6, "kernel_size": [3]})");
  EXPECT_EQ(spec, small_layer());
}

TEST(ParseSpec, TheOrderOfFieldsDoesNotMatter) {
  const LayerSpec spec =
      parse_spec(R"({"kernel_size": 3, "out_channels": 6, "in_channels": 4, "op": "conv_transpose1d"})");
  EXPECT_EQ(spec, small_layer());
}

TEST(ParseSpec, TheSpecOfTheDesignDocument) {
  const LayerSpec spec = parse_spec(R"(
    { "op": "conv_transpose1d", "in_channels": 512, "out_channels": 256, "kernel_size": 16, "stride": 8, "padding": 4,
      "output_padding": 0, "dilation": 1, "groups": 1, "bias": true, "padding_mode": "zeros", "trim": [0, 0],
      "dtype": "float32", "math": "strict",
      "prologue": {"op": "leaky_relu", "negative_slope": 0.1}, "epilogue": {"op": "relu"} })");
  const LayerSpec expected = {.in_channels = 512,
                              .out_channels = 256,
                              .kernel_size = 16,
                              .stride = 8,
                              .padding = 4,
                              .prologue = {Op::leaky_relu, 0.1},
                              .epilogue = {Op::relu}};
  EXPECT_EQ(spec, expected);
}

TEST(ParseSpecs, OneSpecIsAListOfOne) {
  EXPECT_EQ(parse_specs(layer_with("")), std::vector<LayerSpec>{small_layer()});
}

TEST(ParseSpecs, AnArrayKeepsItsOrder) {
  LayerSpec second = small_layer();
  second.stride = 2;
  const std::vector<LayerSpec> expected = {small_layer(), second};
  const std::string list = '[' + layer_with("") + ',' + layer_with(R"("stride": 2)") + ']';
  EXPECT_EQ(parse_specs(list), expected);
}

TEST(ParseSpecs, AnEmptyArrayHasNoSpecs) {
  EXPECT_TRUE(parse_specs("[]").empty());
}

TEST(DTypeNames, AreThoseOfTheSpec) {
  EXPECT_EQ(name(DType::float32), "float32");
  EXPECT_EQ(name(DType::float64), "float64");
  EXPECT_EQ(size_in_bytes(DType::float32), 4);
  EXPECT_EQ(size_in_bytes(DType::float64), 8);
  EXPECT_EQ(name(DType::float16), "float16");
  EXPECT_EQ(name(DType::bfloat16), "bfloat16");
  EXPECT_EQ(size_in_bytes(DType::float16), 2);
  EXPECT_EQ(size_in_bytes(DType::bfloat16), 2);
  EXPECT_EQ(accumulator_of(DType::float16), DType::float32);
  EXPECT_EQ(accumulator_of(DType::bfloat16), DType::float32);
  EXPECT_EQ(accumulator_of(DType::float64), DType::float64);
}

}  // namespace
}  // namespace unstride
