// Everything that parsing refuses, and the exact words. A row is a claim: this text, refused at this field, showing
// this value, saying that this would have been allowed.
#include <gtest/gtest.h>

#include "spec_testing.h"

namespace unstride {
namespace {

struct RefusedCase {
  const char* name;
  std::string json;
  Refusal expected;
};

void PrintTo(const RefusedCase& c, std::ostream* out) {
  *out << c.name;
}

class Refused : public testing::TestWithParam<RefusedCase> {};

TEST_P(Refused, NamesTheFieldTheValueAndWhatIsAllowed) {
  expect_refused([] { parse_spec(GetParam().json); }, GetParam().expected);
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

const char* const words_of_an_activation =
    R"(must be "none", "relu" or "leaky_relu", or an object such as {"op": "leaky_relu", "negative_slope": 0.1})";
const char* const fields_of_a_layer =
    "unknown field; the fields are op, in_channels, out_channels, kernel_size, stride, padding, output_padding, "
    "dilation, groups, bias, padding_mode, trim, dtype, math, prologue, epilogue";

const RefusedCase missing_fields[] = {
    {"Op", "{}", {"spec.op", "", R"(missing: must be "conv_transpose1d")"}},
    {"InChannels",
     R"({"op": "conv_transpose1d", "out_channels": 6, "kernel_size": 3})",
     {"spec.in_channels", "", "missing: must be an integer of at least 1"}},
    {"OutChannels",
     R"({"op": "conv_transpose1d", "in_channels": 6, "kernel_size": 3})",
     {"spec.out_channels", "", "missing: must be an integer of at least 1"}},
    {"KernelSize",
     R"({"op": "conv_transpose1d", "in_channels": 4, "out_channels": 6})",
     {"spec.kernel_size", "", "missing: must be an integer of at least 1"}},
    {"ActivationOp",
     layer_with(R"("prologue": {"negative_slope": 0.1})"),
     {"spec.prologue.op", "", R"(missing: must be "none", "relu" or "leaky_relu")"}},
};
INSTANTIATE_TEST_SUITE_P(Missing, Refused, testing::ValuesIn(missing_fields), CaseName());

const RefusedCase unknown_fields[] = {
    {"Misspelt", layer_with(R"("strid": 8)"), {"spec.strid", "", R"(unknown field; did you mean "stride"?)"}},
    {"InAnActivation",
     layer_with(R"("epilogue": {"op": "leaky_relu", "slope": 1})"),
     {"spec.epilogue.slope", "", "unknown field; the fields are op, negative_slope"}},
    {"MisspeltInAnActivation",
     layer_with(R"("epilogue": {"op": "leaky_relu", "negativ_slope": 1})"),
     {"spec.epilogue.negativ_slope", "", R"(unknown field; did you mean "negative_slope"?)"}},
    {"NearNone", layer_with(R"("momentum": 8)"), {"spec.momentum", "", fields_of_a_layer}},
    {"NoPlainWord", layer_with(R"("my \"x\"\n": 8)"), {R"(spec["my \"x\"\n"])", "", fields_of_a_layer}},
    {"Empty", layer_with(R"("": 8)"), {R"(spec[""])", "", fields_of_a_layer}},
    {"Long",
     layer_with('"' + repeated("x", 1000) + R"(": 8)"),
     {R"(spec[")" + repeated("x", 76) + "...]", "", fields_of_a_layer}},
    {"BeforeMissing",  // "kernel" explains why kernel_size is not there
     R"({"op": "conv_transpose1d", "in_channels": 4, "out_channels": 6, "kernel": 3})",
     {"spec.kernel", "", R"(unknown field; did you mean "kernel_size"?)"}},
};
INSTANTIATE_TEST_SUITE_P(UnknownField, Refused, testing::ValuesIn(unknown_fields), CaseName());

const RefusedCase duplicate_fields[] = {
    {"OfTheLayer",
     layer_with(R"("stride": 8, "stride": 8)"),
     {"spec.stride", "", "duplicate field: must be given once"}},
    {"WrittenDifferently",
     layer_with(R"("stride": 8, "\u0073tride": 8)"),
     {"spec.stride", "", "duplicate field: must be given once"}},
    {"OfAnActivation",
     layer_with(R"("prologue": {"op": "relu", "op": "relu"})"),
     {"spec.prologue.op", "", "duplicate field: must be given once"}},
};
INSTANTIATE_TEST_SUITE_P(DuplicateField, Refused, testing::ValuesIn(duplicate_fields), CaseName());

const char* const integer = "must be an integer";
const char* const integer_or_list = "must be an integer or a list of one integer";
const char* const no_fraction = "must be an integer, written without a fraction or an exponent";
const char* const fits_64_bits = "must be an integer that fits 64 bits";

const RefusedCase wrong_types[] = {
    {"String", layer_with(R"("stride": "8")"), {"spec.stride", R"("8")", integer_or_list}},
    {"Null", layer_with(R"("stride": null)"), {"spec.stride", "null", integer_or_list}},
    {"Boolean", layer_with(R"("dilation": true)"), {"spec.dilation", "true", integer_or_list}},
    {"EmptyList", layer_with(R"("padding": [])"), {"spec.padding", "[]", integer_or_list}},
    {"ListOfTwo", layer_with(R"("padding": [1, 2])"), {"spec.padding", "[1,2]", integer_or_list}},
    {"ListOfAString", layer_with(R"("stride": ["8"])"), {"spec.stride[0]", R"("8")", integer}},
    {"ListOfAList", layer_with(R"("stride": [[8]])"), {"spec.stride[0]", "[8]", integer}},
    {"ListWhereNoneIsAllowed", layer_with(R"("groups": [2])"), {"spec.groups", "[2]", integer}},
    {"Object", layer_with(R"("groups": {"a": [1, null, {}]})"), {"spec.groups", R"({"a":[1,null,{}]})", integer}},
    {"WholeNumberWithAFraction", layer_with(R"("stride": 2.0)"), {"spec.stride", "2.0", no_fraction}},
    {"Exponent", layer_with(R"("stride": 1e1)"), {"spec.stride", "1e1", no_fraction}},
    {"MinusZeroPointZero", layer_with(R"("padding": -0.0)"), {"spec.padding", "-0.0", no_fraction}},
    {"JustAbove64Bits",
     layer_with(R"("stride": 9223372036854775808)"),
     {"spec.stride", "9223372036854775808", fits_64_bits}},
    {"JustBelow64Bits",
     layer_with(R"("padding": -9223372036854775809)"),
     {"spec.padding", "-9223372036854775809", fits_64_bits}},
    {"TwoToThe64",
     layer_with(R"("stride": [18446744073709551616])"),
     {"spec.stride[0]", "18446744073709551616", fits_64_bits}},
    {"HundredsOfDigits",
     layer_with(R"("stride": )" + repeated("9", 400)),
     {"spec.stride", repeated("9", 77) + "...", fits_64_bits}},
    {"BiasAsANumber", layer_with(R"("bias": 1)"), {"spec.bias", "1", "must be true or false"}},
    {"BiasAsAString", layer_with(R"("bias": "true")"), {"spec.bias", R"("true")", "must be true or false"}},
    {"LongValue",
     layer_with(R"("groups": ")" + repeated("x", 1000) + '"'),
     {"spec.groups", '"' + repeated("x", 76) + "...", integer}},
    {"LongValueOfWideCharacters",  // the quote and 25 characters of 3 bytes: the next would be cut in two
     layer_with(R"("groups": ")" + repeated("\u20ac", 100) + '"'),
     {"spec.groups", '"' + repeated("\u20ac", 25) + "...", integer}},
    {"LongList",
     layer_with(R"("groups": [)" + repeated("1,", 100) + "1]"),
     {"spec.groups", '[' + repeated("1,", 38) + "...", integer}},
};
INSTANTIATE_TEST_SUITE_P(WrongType, Refused, testing::ValuesIn(wrong_types), CaseName());

const RefusedCase wrong_words[] = {
    {"Op", R"({"op": "conv1d"})", {"spec.op", R"("conv1d")", R"(must be "conv_transpose1d")"}},
    {"OpAsANumber", R"({"op": 1})", {"spec.op", "1", R"(must be "conv_transpose1d")"}},
    {"PaddingMode",
     layer_with(R"("padding_mode": "reflect")"),
     {"spec.padding_mode", R"("reflect")",
      R"(must be "zeros"; only zeros padding mode is supported for a transposed convolution)"}},
    {"Float16",
     layer_with(R"("dtype": "half")"),
     {"spec.dtype", R"("half")", R"(must be "float32", "float64", "float16" or "bfloat16")"}},
    {"BFloat16",
     layer_with(R"("dtype": "bf16")"),
     {"spec.dtype", R"("bf16")", R"(must be "float32", "float64", "float16" or "bfloat16")"}},
    {"DTypeAsANumber",
     layer_with(R"("dtype": 32)"),
     {"spec.dtype", "32", R"(must be "float32", "float64", "float16" or "bfloat16")"}},
    {"Math", layer_with(R"("math": "Strict")"), {"spec.math", R"("Strict")", R"(must be "strict" or "fast")"}},
};
INSTANTIATE_TEST_SUITE_P(WrongWord, Refused, testing::ValuesIn(wrong_words), CaseName());

const RefusedCase wrong_activations[] = {
    {"UnknownName", layer_with(R"("prologue": "snake")"), {"spec.prologue", R"("snake")", words_of_an_activation}},
    {"CallSyntax",
     layer_with(R"json("prologue": "leaky_relu(0.1)")json"),
     {"spec.prologue", R"json("leaky_relu(0.1)")json", words_of_an_activation}},
    {"False", layer_with(R"("epilogue": false)"), {"spec.epilogue", "false", words_of_an_activation}},
    {"List", layer_with(R"("epilogue": ["relu"])"), {"spec.epilogue", R"(["relu"])", words_of_an_activation}},
    {"UnknownOp",
     layer_with(R"("epilogue": {"op": "gelu"})"),
     {"spec.epilogue.op", R"("gelu")", R"(must be "none", "relu" or "leaky_relu")"}},
    {"NullOp",
     layer_with(R"("epilogue": {"op": null})"),
     {"spec.epilogue.op", "null", R"(must be "none", "relu" or "leaky_relu")"}},
    {"SlopeOfRelu",
     layer_with(R"("prologue": {"op": "relu", "negative_slope": 0.1})"),
     {"spec.prologue.negative_slope", "0.1", "must be left out: relu has no negative_slope"}},
    {"SlopeOfNone",
     layer_with(R"("prologue": {"op": "none", "negative_slope": 0.01})"),
     {"spec.prologue.negative_slope", "0.01", "must be left out: none has no negative_slope"}},
    {"SlopeAsAString",
     layer_with(R"("prologue": {"op": "leaky_relu", "negative_slope": "0.1"})"),
     {"spec.prologue.negative_slope", R"("0.1")", "must be a number"}},
    {"SlopeNull",
     layer_with(R"("prologue": {"op": "leaky_relu", "negative_slope": null})"),
     {"spec.prologue.negative_slope", "null", "must be a number"}},
    {"SlopeBeyondDouble",
     layer_with(R"("prologue": {"op": "leaky_relu", "negative_slope": -1e999})"),
     {"spec.prologue.negative_slope", "-1e999", "must be a finite number"}},
    {"SlopeBeyondFloat32",  // it would be infinite in the layer's type, and 0 * inf is no number
     layer_with(R"("prologue": {"op": "leaky_relu", "negative_slope": 1e39})"),
     {"spec.prologue.negative_slope", "1e+39", "must be a finite float32 number"}},
};
INSTANTIATE_TEST_SUITE_P(WrongActivation, Refused, testing::ValuesIn(wrong_activations), CaseName());

const char* const list_of_two = "must be a list of two integers: the samples cropped from the start and from the end";

const RefusedCase wrong_trims[] = {
    {"Integer", layer_with(R"("trim": 4)"), {"spec.trim", "4", list_of_two}},
    {"ListOfOne", layer_with(R"("trim": [4])"), {"spec.trim", "[4]", list_of_two}},
    {"ListOfThree", layer_with(R"("trim": [1, 2, 3])"), {"spec.trim", "[1,2,3]", list_of_two}},
    {"Fraction", layer_with(R"("trim": [0, 1.5])"), {"spec.trim[1]", "1.5", no_fraction}},
    {"NegativeStart", layer_with(R"("trim": [-1, 0])"), {"spec.trim[0]", "-1", "must be at least 0"}},
    {"NegativeEnd", layer_with(R"("trim": [0, -2])"), {"spec.trim[1]", "-2", "must be at least 0"}},
};
INSTANTIATE_TEST_SUITE_P(WrongTrim, Refused, testing::ValuesIn(wrong_trims), CaseName());

const RefusedCase other_roots[] = {
    {"Number", "5", {"spec", "5", "must be an object, the fields of one layer"}},
    {"Null", "null", {"spec", "null", "must be an object, the fields of one layer"}},
    {"ListForOneSpec", "[]", {"spec", "[]", "must be an object, the fields of one layer"}},
    {"SixteenLevelsOfLists",
     repeated("[", 16) + repeated("]", 16),
     {"spec", repeated("[", 16) + repeated("]", 16), "must be an object, the fields of one layer"}},
    {"Deep",
     repeated("[", 1'000'000),
     {"spec[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]", "", "must not be nested deeper than 16 levels"}},
};
INSTANTIATE_TEST_SUITE_P(NotALayer, Refused, testing::ValuesIn(other_roots), CaseName());

const RefusedCase malformed[] = {
    {"Empty",
     "",
     {"spec", "",
      "malformed JSON at line 1, column 1: while parsing value - unexpected end of input; expected '[', '{', or a "
      "literal"}},
    {"MissingName",
     "{\"op\": \"conv_transpose1d\",\n  , }",
     {"spec", "",
      "malformed JSON at line 2, column 3: while parsing object key - unexpected ','; expected string literal"}},
    {"CutOff",
     "{\"op\":\n\n",
     {"spec", "",
      "malformed JSON at line 3, column 1: while parsing value - unexpected end of input; expected '[', '{', or a "
      "literal"}},
    {"LineBreakInAString",
     "{\n \"op\n\": 1}",
     {"spec", "",
      "malformed JSON at line 2, column 5: while parsing object key - invalid string: control character U+000A (LF) "
      "must be escaped to \\u000A or \\n"}},
    {"TwoDocuments",
     "{} {}",
     {"spec", "", "malformed JSON at line 1, column 4: while parsing value - unexpected '{'; expected end of input"}},
    {"Comment",
     "// a layer\n{}",
     {"spec", "", "malformed JSON at line 1, column 1: while parsing value - invalid literal"}},
    {"NaN", R"({"a": NaN})", {"spec", "", "malformed JSON at line 1, column 7: while parsing value - invalid literal"}},
    {"InvalidUtf8",
     "{\"\xff\": 1}",
     {"spec", "",
      "malformed JSON at line 1, column 3: while parsing object key - invalid string: ill-formed UTF-8 byte"}},
};
INSTANTIATE_TEST_SUITE_P(MalformedJson, Refused, testing::ValuesIn(malformed), CaseName());

TEST(ParseSpecs, ErrorsNameTheElement) {
  const auto list_with = [](const std::string& last) { return '[' + layer_with("") + ',' + layer_with(last) + ']'; };
  const auto refuses = [&](const std::string& last, const Refusal& expected) {
    SCOPED_TRACE(last);
    expect_refused([&] { parse_specs(list_with(last)); }, expected);
  };
  refuses(R"("stride": 0)", {"spec[1].stride", "0", "must be at least 1"});
  refuses(R"("stride": "a")", {"spec[1].stride", R"("a")", integer_or_list});
  refuses(R"("strid": 1)", {"spec[1].strid", "", R"(unknown field; did you mean "stride"?)"});
  refuses(R"("stride": 1, "stride": 1)", {"spec[1].stride", "", "duplicate field: must be given once"});
  refuses(R"("trim": [0, -1])", {"spec[1].trim[1]", "-1", "must be at least 0"});
  refuses(R"("prologue": {"op": "tanh"})",
          {"spec[1].prologue.op", R"("tanh")", R"(must be "none", "relu" or "leaky_relu")"});
  expect_refused([] { parse_specs("[[]]"); }, {"spec[0]", "[]", "must be an object, the fields of one layer"});
}

}  // namespace
}  // namespace unstride
