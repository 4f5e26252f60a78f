// The rules on values. Each is tried on a spec built in code and, where JSON can express it, on the same spec parsed:
// both must give the same error.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "spec_testing.h"

namespace unstride {
namespace {

struct RuleCase {
  const char* name;
  std::function<void(LayerSpec&)> change;  ///< what to change in small_layer()
  Refusal expected;
};

void PrintTo(const RuleCase& c, std::ostream* out) {
  *out << c.name;
}

class Rule : public testing::TestWithParam<RuleCase> {};

TEST_P(Rule, IsEnforcedInCodeAndInJson) {
  LayerSpec spec = small_layer();
  ASSERT_NO_THROW(validate(spec));
  GetParam().change(spec);
  expect_refused([&] { validate(spec); }, GetParam().expected);
  expect_refused([&] { parse_spec(to_json(spec)); }, GetParam().expected);
}

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

const RuleCase rules[] = {
    {"InChannels", [](LayerSpec& s) { s.in_channels = 0; }, {"spec.in_channels", "0", "must be at least 1"}},
    {"OutChannels", [](LayerSpec& s) { s.out_channels = -6; }, {"spec.out_channels", "-6", "must be at least 1"}},
    {"KernelSize", [](LayerSpec& s) { s.kernel_size = 0; }, {"spec.kernel_size", "0", "must be at least 1"}},
    {"Stride", [](LayerSpec& s) { s.stride = 0; }, {"spec.stride", "0", "must be at least 1"}},
    {"Padding", [](LayerSpec& s) { s.padding = -1; }, {"spec.padding", "-1", "must be at least 0"}},
    {"OutputPadding", [](LayerSpec& s) { s.output_padding = -1; }, {"spec.output_padding", "-1", "must be at least 0"}},
    {"Dilation", [](LayerSpec& s) { s.dilation = 0; }, {"spec.dilation", "0", "must be at least 1"}},
    {"Groups", [](LayerSpec& s) { s.groups = 0; }, {"spec.groups", "0", "must be at least 1"}},
    {"TrimStart", [](LayerSpec& s) { s.trim[0] = -1; }, {"spec.trim[0]", "-1", "must be at least 0"}},
    {"TrimEnd", [](LayerSpec& s) { s.trim[1] = -1; }, {"spec.trim[1]", "-1", "must be at least 0"}},
    {"OutputPaddingIsBelowStride",
     [](LayerSpec& s) { s.stride = s.output_padding = 8; },
     {"spec.output_padding", "8",
      "output padding must be smaller than either stride or dilation: at most 7 for stride 8 and dilation 1"}},
    {"OutputPaddingIsBelowDilation",
     [](LayerSpec& s) { s.stride = 2, s.dilation = 3, s.output_padding = 4; },
     {"spec.output_padding", "4",
      "output padding must be smaller than either stride or dilation: at most 2 for stride 2 and dilation 3"}},
    {"GroupsDivideInChannels",
     [](LayerSpec& s) { s.groups = 3; },
     {"spec.in_channels", "4", "must be divisible by groups, 3"}},
    {"GroupsDivideOutChannels",
     [](LayerSpec& s) { s.groups = 4; },
     {"spec.out_channels", "6", "must be divisible by groups, 4"}},
    {"TheWeightFitsMemory",  // 2^61 float32 elements are 2^63 bytes
     [](LayerSpec& s) { s.in_channels = 1, s.out_channels = 2, s.kernel_size = std::int64_t{1} << 60; },
     {"spec", "[1,2,1152921504606846976]",
      "the weight (in_channels, out_channels/groups, kernel_size) must take at most 9223372036854775807 bytes"}},
    {"TheChannelsAloneMayOverflow",
     [](LayerSpec& s) { s.in_channels = s.out_channels = largest, s.kernel_size = 1; },
     {"spec", "[9223372036854775807,9223372036854775807,1]",
      "the weight (in_channels, out_channels/groups, kernel_size) must take at most 9223372036854775807 bytes"}},
    {"TheKernelsReachFits64Bits",
     [](LayerSpec& s) { s.kernel_size = 3, s.dilation = largest / 2 + 1; },
     {"spec.dilation", "4611686018427387904",
      "dilation * (kernel_size - 1) must fit 64 bits: at most 4611686018427387903 for kernel_size 3"}},
};
INSTANTIATE_TEST_SUITE_P(Spec, Rule, testing::ValuesIn(rules), CaseName());

TEST(Validate, AcceptsTheLargestSizesThatFit) {
  LayerSpec wide = small_layer();
  wide.kernel_size = 3, wide.dilation = largest / 2;
  EXPECT_NO_THROW(validate(wide));

  LayerSpec heavy = small_layer();
  heavy.in_channels = 1, heavy.out_channels = 1, heavy.kernel_size = largest / 4;
  EXPECT_NO_THROW(validate(heavy));
  heavy.dtype = DType::float64;
  EXPECT_THROW(validate(heavy), SpecError);

  LayerSpec grouped = small_layer();  // a depthwise layer has one weight row for each channel, not their product
  grouped.in_channels = grouped.out_channels = grouped.groups = std::int64_t{1} << 40;
  EXPECT_NO_THROW(validate(grouped));
}

// What JSON cannot express, or what the canonical form leaves out.
TEST(Validate, RefusesWhatOnlyCodeCanBuild) {
  const auto refuses = [](const std::function<void(LayerSpec&)>& change, const Refusal& expected) {
    LayerSpec spec = small_layer();
    change(spec);
    expect_refused([&] { validate(spec); }, expected);
  };
  using Op = Activation::Op;
  refuses([](LayerSpec& s) { s.dtype = static_cast<DType>(7); },
          {"spec.dtype", "7", R"(must be "float32", "float64", "float16" or "bfloat16")"});
  refuses([](LayerSpec& s) { s.math = static_cast<Math>(-1); }, {"spec.math", "-1", R"(must be "strict" or "fast")"});
  refuses([](LayerSpec& s) { s.epilogue.op = static_cast<Op>(9); },
          {"spec.epilogue.op", "9", R"(must be "none", "relu" or "leaky_relu")"});
  refuses(
      [](LayerSpec& s) {
        s.prologue = {Op::leaky_relu, std::numeric_limits<double>::quiet_NaN()};
      },
      {"spec.prologue.negative_slope", "nan", "must be a finite float32 number"});
  refuses(
      [](LayerSpec& s) {
        s.prologue = {Op::leaky_relu, -std::numeric_limits<double>::infinity()};
      },
      {"spec.prologue.negative_slope", "-inf", "must be a finite float32 number"});
  // A slope that would be forgotten: parse_spec(to_json(s)) would not be s.
  refuses(
      [](LayerSpec& s) {
        s.prologue = {Op::relu, 0.1};
      },
      {"spec.prologue.negative_slope", "0.1", "must be left out: relu has no negative_slope"});
  refuses(
      [](LayerSpec& s) {
        s.epilogue = {Op::none, 0.2};
      },
      {"spec.epilogue.negative_slope", "0.2", "must be left out: none has no negative_slope"});
}

TEST(SpecErrorText, LeavesOutAMissingValue) {
  EXPECT_STREQ(SpecError("spec.stride", "0", "must be at least 1").what(), "spec.stride: 0: must be at least 1");
  EXPECT_STREQ(SpecError("spec.op", "", "missing").what(), "spec.op: missing");
}

}  // namespace
}  // namespace unstride
