// A plan decides speed, never a result: plans cut as finely as they can be give the bits of the chosen one.
#include <gtest/gtest.h>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/plan_text.h"

namespace unstride::testing {
namespace {

struct ForcedPlan {
  std::string name, strategy;
  PlanFields fields;
  std::int64_t strip_tiles;   // tiles in a strip
  std::int64_t block_strips;  // strips in a column block

  friend std::ostream& operator<<(std::ostream& out, const ForcedPlan& plan) { return out << plan.name; }
};

const std::vector<ForcedPlan> forced_plans = {
    {"row_lanes_small_blocks", "row_lanes", {{"vectors", 1}, {"columns", 4}, {"taps", 1}, {"channel_block", 3}}, 1, 2},
    {"row_lanes_one_column", "row_lanes", {{"vectors", 1}, {"columns", 1}, {"taps", 4}, {"channel_block", 1}}, 1, 1},
    {"row_lanes_wide", "row_lanes", {{"vectors", 2}, {"columns", 6}, {"taps", 100}, {"channel_block", 1000}}, 2, 3},
    {"row_lanes_strips_of_two_tiles", "row_lanes", {{"vectors", 1}, {"columns", 7}, {"channel_block", 3}}, 2, 2},
    {"row_lanes_strips_cut_for_a_call", "row_lanes", {{"vectors", 1}, {"columns", 9}, {"channel_block", 3}}, 1, 8},
    {"row_lanes_one_channel_at_a_time",
     "row_lanes",
     {{"vectors", 3}, {"columns", 3}, {"taps", 1}, {"channel_block", 1}},
     3,
     1},
    {"row_lanes_asking_for_weights",
     "row_lanes",
     {{"vectors", 1}, {"columns", 4}, {"prefetch", "weights"}, {"channel_block", 2}},
     1,
     3},
    {"row_lanes_asking_for_input",
     "row_lanes",
     {{"vectors", 1}, {"columns", 6}, {"prefetch", "input"}, {"channel_block", 1000}},
     1,
     2},
    {"column_lanes_small_blocks",
     "column_lanes",
     {{"channels", 1}, {"vectors", 1}, {"tail", 1}, {"taps", 1}, {"channel_block", 3}},
     1,
     2},
    {"column_lanes_two_vectors",
     "column_lanes",
     {{"channels", 1}, {"vectors", 2}, {"tail", 1}, {"taps", 100}, {"channel_block", 2}},
     2,
     1},
    {"column_lanes_asking_for_weights",
     "column_lanes",
     {{"channels", 1}, {"vectors", 1}, {"tail", 1}, {"prefetch", "weights"}, {"taps", 1}},
     1,
     2},
    {"column_lanes_asking_for_input",
     "column_lanes",
     {{"channels", 1}, {"vectors", 1}, {"tail", 1}, {"prefetch", "input"}, {"channel_block", 2}},
     1,
     2},
    {"column_lanes_two_channels",
     "column_lanes",
     {{"channels", 2}, {"vectors", 1}, {"tail", 1}, {"taps", 1}, {"channel_block", 1}},
     1,
     1},
};

std::vector<LayerSpec> layers() {
  std::vector<LayerSpec> layers;
  layers.push_back(layer(7, 5, 7, 3));  // phases with three and with two taps
  layers.push_back(layer(8, 3, 4, 2));
  layers.push_back(layer(10, 11, 1, 1));
  layers.push_back(layer(5, 4, 2, 5));  // phases without taps
  layers.push_back(layer(6, 4, 9, 4));
  layers.back().dilation = 3;  // every phase reads a window of its own
  layers.push_back(layer(4, 6, 5, 4));
  layers.back().dilation = 6;  // half of the phases have no taps
  layers.push_back(layer(12, 8, 6, 2));
  layers.back().groups = 2;
  layers.push_back(layer(6, 6, 16, 4));
  layers.back().groups = 6;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].padding = static_cast<std::int64_t>(i) % 3;
    if (i % 2 == 0) layers[i].epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.2};
    if (i % 3 == 0) layers[i].prologue = {.op = Activation::Op::relu};
  }
  return layers;
}

std::string plan_text(const LayerSpec& spec, const std::string& target, const ForcedPlan& forced) {
  std::string plan = general_plan(engine().compile(spec, {.target = target, .plan = forced.strategy}).info().plan);
  plan = with_fields(plan, forced.fields);
  std::int64_t tile = 0;
  if (forced.strategy == "row_lanes")
    tile = plan_field(plan, "columns");
  else
    tile = plan_field(plan, "vectors") * (target == instruction_sets[1] ? 64 : 32) /
           size_in_bytes(accumulator_of(spec.dtype));
  const std::int64_t strip = tile * forced.strip_tiles;
  return with_fields(plan, {{"strip", strip}, {"column_block", strip * forced.block_strips}});
}

class ForcedPlans : public ::testing::TestWithParam<ForcedPlan> {
 protected:
  template <typename T>
  void check(LayerSpec spec) {
    spec.dtype = dtype_of<T>;
    const LayerData<T> data(spec, 2, 75);
    for (const std::string& target : runnable_instruction_sets()) {
      const Kernel kernel = engine().compile(spec, {.target = target, .plan = plan_text(spec, target, GetParam())});
      EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
      EXPECT_TRUE(same_bits(run(kernel, data), run(engine().compile(spec), data))) << describe(kernel, data);
    }
  }
};

TEST_P(ForcedPlans, GiveTheBitsOfTheChosenPlan) {
  for (const LayerSpec& spec : layers()) {
    check<float>(spec);
    check<double>(spec);
    check<Float16>(spec);
    check<BFloat16>(spec);
  }
}

INSTANTIATE_TEST_SUITE_P(Plans, ForcedPlans, ::testing::ValuesIn(forced_plans),
                         [](const auto& c) { return c.param.name; });

TEST(Plans, AChannelBlockThatCutsTheSumKeepsItsOrder) {
  // 0x1p24 + 1 - 0x1p24 is 0 in this order alone.
  const LayerSpec spec = layer(3, 1, 1, 1);
  LayerData<float> data(spec, 1, 40);
  std::ranges::fill(data.w, 1.0f);
  std::ranges::fill(data.b, 0.0f);
  for (std::size_t i = 0; i < data.x.size(); ++i) data.x[i] = i < 40 ? 0x1p24f : i < 80 ? 1.0f : -0x1p24f;
  for (const char* strategy : {"row_lanes", "column_lanes"}) {
    const std::string plan = general_plan(engine().compile(spec, {.target = "cpu", .plan = strategy}).info().plan);
    const Kernel kernel = engine().compile(spec, {.target = "cpu", .plan = with_fields(plan, {{"channel_block", 1}})});
    EXPECT_EQ(run(kernel, data), std::vector<float>(40)) << describe(kernel, data);
  }
}

// A depthwise layer for every shape of its tiles: several outputs for an input channel, phases without taps, dilation,
// phases of fewer taps, no stride.
std::vector<LayerSpec> depthwise_layers() {
  std::vector<LayerSpec> layers = {layer(6, 12, 4, 2), layer(5, 5, 2, 5), layer(4, 8, 5, 4),
                                   layer(3, 3, 7, 3),  layer(2, 2, 3, 1), layer(3, 6, 12, 2)};
  layers[2].dilation = 3;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].groups = layers[i].in_channels;
    layers[i].padding = static_cast<std::int64_t>(i) % 3;
    layers[i].trim = {static_cast<std::int64_t>(i) % 2, 1};
    if (i % 2 == 0) layers[i].prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.2};
    if (i % 3 == 0) layers[i].epilogue = {.op = Activation::Op::relu};
  }
  return layers;
}

TEST(Plans, OfDepthwiseGiveTheSameBitsForEveryTileAndBlock) {
  for (const LayerSpec& spec : depthwise_layers())
    for (const std::string& target : runnable_instruction_sets())
      for (const int vectors : {1, 2}) {
        std::string plan = general_plan(engine().compile(spec, {.target = target, .plan = "depthwise"}).info().plan);
        const std::int64_t tile = vectors * (target == instruction_sets[1] ? 16 : 8);
        plan = with_fields(plan, {{"vectors", vectors}, {"strip", tile}, {"column_block", 2 * tile}});
        const Kernel kernel = engine().compile(spec, {.target = target, .plan = plan});
        for (const std::int64_t length : {3, 7, 40, 150}) {
          const LayerData<float> data(spec, 2, length);
          EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
        }
      }
}

TEST(Plans, OfAKernelThatHoldsSeveralGiveTheSameBitsOnBothSidesOfARange) {
  const LayerSpec spec = layer(5, 6, 4, 2);
  const std::string rows = general_plan(engine().compile(spec, {.target = "cpu", .plan = "row_lanes"}).info().plan);
  const std::string columns =
      general_plan(engine().compile(spec, {.target = "cpu", .plan = "column_lanes"}).info().plan);
  const Kernel kernel = engine().compile(
      spec, {.target = "cpu", .plan = "columns<=9: " + rows + "; columns<=30: " + columns + "; " + rows});
  for (std::int64_t length = 1; length < 40; ++length) {
    const LayerData<float> data(spec, 2, length);
    EXPECT_TRUE(equals_strict_chain(data, run(kernel, data))) << describe(kernel, data);
  }
}

TEST(Plans, ThePlanOfAKernelMakesTheSameKernelAgain) {
  const LayerSpec spec = layer(20, 30, 8, 4);
  const Kernel first = engine().compile(spec);
  const Kernel second = engine().compile(spec, {.target = "cpu", .plan = first.info().plan});
  EXPECT_EQ(first.info().plan, second.info().plan);
  EXPECT_EQ(first.info().code_bytes, second.info().code_bytes);
}

}  // namespace
}  // namespace unstride::testing
