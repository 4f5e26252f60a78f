// Fast math on the units for it: within the bound of docs/spec.md, and the same bits however a call is cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/plan_text.h"
#include "tests/kernels/sweep_design.h"
#include "tests/oracle/in_double.h"

namespace unstride::testing {
namespace {

// Input channels that one step sums, and how often it rounds.
struct MatrixUnit {
  static constexpr std::string_view target = "cpu:x86-64-v4+amx-bf16", strategy = "amx_tiles", name = strategy;
  static constexpr std::int64_t channels = 32, roundings = 1;

  static PlanFields fields() { return {}; }
  static std::vector<PlanFields> other_plans() {
    return {{{"rows", 2}, {"columns", 2}, {"tail", 1}, {"channel_block", 32}, {"strip", 32}, {"column_block", 64}},
            {{"rows", 1}, {"columns", 3}, {"tail", 1}, {"taps", 1}, {"strip", 48}, {"column_block", 48}},
            {{"rows", 1}, {"columns", 1}, {"tail", 1}, {"taps", 100}, {"strip", 16}, {"column_block", 16}}};
  }
};

// The two ways to take float32 apart.
struct MatrixUnitTwoInputParts : MatrixUnit {
  static constexpr std::string_view name = "amx_tiles_two_input_parts";
  static PlanFields fields() { return {{"input_parts", 2}}; }
};
struct MatrixUnitThreeInputParts : MatrixUnit {
  static constexpr std::string_view name = "amx_tiles_three_input_parts";
  static PlanFields fields() { return {{"input_parts", 3}}; }
};

struct Bfloat16Dots {
  static constexpr std::string_view target = "cpu:x86-64-v4+avx512-bf16", strategy = "row_pairs", name = strategy;
  static constexpr std::int64_t channels = 2, roundings = 2;

  static PlanFields fields() { return {}; }
  static std::vector<PlanFields> other_plans() {
    return {{{"vectors", 2}, {"columns", 12}, {"channel_block", 2}, {"strip", 12}, {"column_block", 24}},
            {{"vectors", 1}, {"columns", 5}, {"taps", 1}, {"strip", 10}, {"column_block", 10}},
            {{"vectors", 3}, {"columns", 4}, {"taps", 100}, {"channel_block", 10}, {"strip", 4}, {"column_block", 4}}};
  }
};

// The table of docs/spec.md.
struct Bound {
  double products, left_out, left_out_by_prologue, output_roundoff, output_smallest;

  static Bound of(DType dtype) {
    if (dtype == DType::bfloat16) return {1, 0, 0x1p-8, 0x1p-8, 0x1p-133};
    if (dtype == DType::float16) return {3, 0x1p-16, 0x1p-17, 0x1p-11, 0x1p-24};
    return {5, 0x1p-17 + 0x1p-24, 0, 0, 0};
  }
};

template <typename Unit>
double relative_bound(const LayerSpec& spec) {
  const Bound bound = Bound::of(spec.dtype);
  const std::int64_t tap_step = spec.stride / std::gcd(spec.stride, spec.dilation);
  const auto taps = static_cast<double>((spec.kernel_size - 1) / tap_step + 1);
  const double steps = std::ceil(static_cast<double>(spec.in_channels_per_group()) / Unit::channels);
  const double m = bound.products * taps * steps * Unit::roundings + 20;
  const double summation = m * 0x1p-24 / (1 - m * 0x1p-24);
  const bool leaky = spec.prologue.op == Activation::Op::leaky_relu;
  return summation * (1 + 0x1p-6) + bound.left_out + (leaky ? bound.left_out_by_prologue : 0);
}

template <typename Unit, typename T>
::testing::AssertionResult within_bound(const LayerData<T>& data, const std::vector<T>& y) {
  const Bound bound = Bound::of(data.spec.dtype);
  const double relative = relative_bound<Unit>(data.spec);
  return within(data, y, [&](double exact, double magnitude) {
    const double sum = relative * magnitude + 1e-30;
    return sum + bound.output_roundoff * (std::fabs(exact) + sum) + bound.output_smallest;
  });
}

template <typename T, typename U>
struct Case {
  using Element = T;
  using Unit = U;
};

template <typename Case>
class FastMath : public ::testing::Test {
 protected:
  using Element = typename Case::Element;
  using Unit = typename Case::Unit;
  static constexpr DType dtype = dtype_of<Element>;

  void SetUp() override { UNSTRIDE_SKIP_UNLESS_RUNNABLE(std::string(Unit::target)); }

  static LayerSpec fast(LayerSpec spec) {
    spec.dtype = dtype;
    spec.math = Math::fast;
    return spec;
  }
  static Kernel planned(const LayerSpec& spec, const std::string& plan) {
    return engine().compile(spec, {.target = std::string(Unit::target), .plan = plan});
  }
  static Kernel on_unit(const LayerSpec& spec) {
    const Kernel kernel = planned(spec, std::string(Unit::strategy));
    const PlanFields fields = Unit::fields();
    return fields.empty() ? kernel : planned(spec, with_fields(general_plan(kernel.info().plan), fields));
  }
};
using Cases = ::testing::Types<Case<float, MatrixUnitTwoInputParts>, Case<float, MatrixUnitThreeInputParts>,
                               Case<Float16, MatrixUnit>, Case<BFloat16, MatrixUnit>, Case<BFloat16, Bfloat16Dots>>;

struct CaseName {
  template <typename Case>
  static std::string GetName(int) {
    return std::string(Case::Unit::name) + "_" + std::string(name(dtype_of<typename Case::Element>));
  }
};
TYPED_TEST_SUITE(FastMath, Cases, CaseName);

std::vector<LayerSpec> layers() {
  std::vector<LayerSpec> result = {layer(64, 32, 16, 8), layer(33, 5, 7, 3), layer(96, 20, 4, 2), layer(1, 1, 1, 1),
                                   layer(40, 3, 2, 5), layer(70, 1, 64, 16), layer(32, 48, 3, 1), layer(64, 6, 9, 4),
                                   layer(32, 8, 5, 4), layer(80, 12, 6, 2), layer(48, 7, 10, 5), layer(40, 2, 40, 20),
                                   layer(33, 3, 64, 32),
                                   // phases with a tap more than the others: outputs of a run leave gaps
                                   layer(48, 16, 11, 5), layer(33, 32, 5, 3), layer(32, 32, 7, 4), layer(40, 8, 14, 8)};
  result[7].dilation = 3;  // every phase reads a window of its own
  result[8].dilation = 6;  // half of the phases have no taps
  result[9].groups = 2;
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i].padding = static_cast<std::int64_t>(i) % 3 * (result[i].kernel_size > 2 ? 1 : 0);
    if (i % 3 == 1) result[i].prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.25};
    if (i % 3 == 2) result[i].prologue = {.op = Activation::Op::relu};
    if (i % 2 == 0) result[i].epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.25};
    result[i].bias = i % 4 != 3;
  }
  return result;
}

TYPED_TEST(FastMath, IsWithinItsBound) {
  for (const LayerSpec& spec : layers())
    for (const std::int64_t length : {1, 2, 15, 16, 17, 33, 150}) {
      const Kernel kernel = this->on_unit(this->fast(spec));
      LayerData<typename TestFixture::Element> data(this->fast(spec), 2, length);
      if (data.oracle().output_length() < 1) continue;
      const Touching touching = length % 2 == 0 ? Touching::front : Touching::back;
      EXPECT_TRUE(within_bound<typename TestFixture::Unit>(data, run(kernel, data, {}, touching)))
          << describe(kernel, data);
    }
}

TYPED_TEST(FastMath, OfSmallLayersIsWithinItsBound) {
  std::uint64_t seed = TestFixture::dtype == DType::float32 ? 0 : TestFixture::dtype == DType::float16 ? 1 : 2;
  for (const SweepPoint& point : sweep_points()) {
    if (++seed % 3 != 0) continue;  // each type takes a third of them
    LayerSpec spec = this->fast(sweep_layer(point, TestFixture::dtype));
    for (Activation* activation : {&spec.prologue, &spec.epilogue})
      if (activation->op == Activation::Op::leaky_relu) activation->negative_slope = 0.25;
    const LayerData<typename TestFixture::Element> data(spec, 1, 3 + static_cast<std::int64_t>(seed % 29), seed);
    if (data.oracle().output_length() < 1) continue;
    const Kernel kernel = this->on_unit(spec);
    ASSERT_TRUE(within_bound<typename TestFixture::Unit>(data, run(kernel, data))) << describe(kernel, data);
  }
}

// One product at a time: nothing averages out. Operands just above a power of two lose most.
TYPED_TEST(FastMath, OfOneProductIsWithinItsBound) {
  using T = typename TestFixture::Element;
  LayerSpec spec = this->fast(layer(1, 1, 1, 1));
  spec.bias = false;
  for (const bool leaky : {false, true}) {
    if (leaky) spec.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.99};
    const Kernel kernel = this->on_unit(spec);
    LayerData<T> data(spec, 1, 100'000);
    tools::SplitMix64 random(3);
    const auto above_one = [&](double by) { return 1 + static_cast<double>(random.next() >> 40) * 0x1p-24 * by; };
    for (int round = 0; round < 20; ++round) {
      for (auto& value : data.x) value = stored<T>((leaky ? -1 : 1) * above_one(round % 2 == 0 ? 0x1p-6 : 1));
      data.w = {stored<T>(above_one(0x1p-6))};
      EXPECT_TRUE(within_bound<typename TestFixture::Unit>(data, run(kernel, data))) << describe(kernel, data);
    }
  }
}

TYPED_TEST(FastMath, GivesTheSameBitsAtAnyNumberOfThreadsAndInAnyBlocks) {
  for (const LayerSpec& layer : layers()) {
    const LayerSpec spec = this->fast(layer);
    const Kernel kernel = this->on_unit(spec);
    const LayerData<typename TestFixture::Element> data(spec, 2, 300);
    const auto expected = run(kernel, data, {.threads = 1});
    for (const int threads : {1, 2, 3})
      EXPECT_TRUE(same_bits(run(kernel, data, {.threads = threads}), expected)) << describe(kernel, data);
    for (const PlanFields& fields : TestFixture::Unit::other_plans()) {
      const Kernel other = this->planned(spec, with_fields(general_plan(kernel.info().plan), fields));
      EXPECT_TRUE(same_bits(run(other, data), expected)) << describe(other, data);
    }
  }
}

TYPED_TEST(FastMath, WhereTheUnitIsNotWorthItIsStrict) {
  LayerSpec depthwise = layer(64, 64, 4, 2);
  depthwise.groups = 64;
  const LayerSpec spec = this->fast(depthwise);
  const Kernel kernel = this->planned(spec, {});
  const LayerData<typename TestFixture::Element> data(spec, 1, 100);
  EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
}

TYPED_TEST(FastMath, OfADeepLayerChoosesTheUnit) {
  const Kernel kernel = this->planned(this->fast(layer(512, 256, 16, 8)), {});
  EXPECT_TRUE(general_plan(kernel.info().plan).starts_with(TestFixture::Unit::strategy)) << kernel.info().plan;
}

TEST(FastMathWithoutAUnit, IsStrict) {
  for (const std::string& target : runnable_instruction_sets())
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      LayerSpec spec = layer(64, 32, 16, 8);
      spec.dtype = dtype;
      spec.math = Math::fast;
      const Kernel kernel = engine().compile(spec, {.target = target, .plan = {}});
      with_element(dtype, [&](auto element) {
        const LayerData<decltype(element)> data(spec, 1, 100);
        EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
      });
      for (const char* plan : {"amx_tiles", "row_pairs"})
        EXPECT_THROW(engine().compile(spec, {.target = target, .plan = plan}), ArgumentError);
    }
}

// Strict kernels are shared with the machines that have none.
TEST(FastMathTarget, IsTheLevelWithoutForStrictLayers) {
  const LayerSpec spec = layer(64, 32, 16, 8);
  const std::string amx(MatrixUnit::target), dots(Bfloat16Dots::target);
  for (const std::string& target : {amx, dots})
    EXPECT_EQ(engine().emit(spec, Emit::object, {.target = target}),
              engine().emit(spec, Emit::object, {.target = "cpu:x86-64-v4"}));
  EXPECT_THROW(engine().compile(spec, {.target = "cpu:x86-64-v4", .plan = "amx_tiles"}), ArgumentError);
  LayerSpec wide = spec;
  wide.math = Math::fast;
  wide.dtype = DType::float64;
  EXPECT_THROW(engine().emit(wide, Emit::plan, {.target = amx, .plan = "amx_tiles"}), ArgumentError);
  wide.dtype = DType::float16;
  EXPECT_THROW(engine().emit(wide, Emit::plan, {.target = dots, .plan = "row_pairs"}), ArgumentError);
}

}  // namespace
}  // namespace unstride::testing
