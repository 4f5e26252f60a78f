// Kernels with one thing taken out or changed: each must be noticed, or the emulator proves nothing.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/emulator/failure.h"
#include "tests/oracle/comparison.h"

namespace unstride::testing {
namespace {

struct Mutant {
  std::string name, plan;
  LayerSpec spec;
  Mutation mutation;

  friend std::ostream& operator<<(std::ostream& out, const Mutant& mutant) { return out << mutant.name; }
};

constexpr const char *ffma = "templates/cuda/ffma.h", *depthwise = "templates/cuda/depthwise.h",
                     *mma = "templates/cuda/mma.h", *wgmma = "templates/cuda/wgmma.h",
                     *interleave = "templates/cuda/interleave.h", *block = "templates/cuda/block.h";

// Several chunks of channels, columns and rows that do not fill their tiles, phases with and without all taps.
const LayerSpec& deep() {
  static const LayerSpec spec = layer(45, 18, 8, 3);
  return spec;
}
// Small integers: the sums are exact, and fast math gives the strict result.
const LayerSpec& fast() {
  static const LayerSpec spec = [] {
    LayerSpec made = layer(150, 18, 8, 3);
    made.math = Math::fast;
    return made;
  }();
  return spec;
}
LayerSpec padded(LayerSpec spec) {
  spec.padding = 2;
  return spec;
}
// One channel in each group.
const LayerSpec& separate() {
  static const LayerSpec spec = [] {
    LayerSpec made = layer(5, 5, 7, 3);
    made.groups = 5;
    return made;
  }();
  return spec;
}

// Rows, columns, and stages that they do not fill; the ring of stages goes round more than once.
constexpr const char* wgmma_tile =
    "wgmma order=channels inner_tiles=2 outer_tiles=4 warpgroups=2 slabs=1 stages=2 splits=1 "
    "blocks_per_multiprocessor=1";

std::vector<Mutant> mutants() {
  return {
      {"ffma_WithoutTheWaitForCopies", "ffma", deep(), {ffma, "wait_copies<0>();", "wait_copies<1>();"}},
      {"ffma_WithoutTheBarrierBeforeAStageIsRead", "ffma", deep(), {ffma, "__syncthreads();  // this stage", "//"}},
      {"ffma_WithOneStageForTwo", "ffma", deep(), {ffma, "chunk % 2 * stage_elements", "0"}},
      {"ffma_WithoutTheBarriersAroundOutputs", "ffma", deep(), {ffma, "        __syncthreads();\n", ""}},
      {"ffma_ReadingPastTheLastInput", "ffma", deep(), {block, " && position < end", ""}},
      {"ffma_ReadingOneInputTooMany", "ffma", deep(), {block, "position < end", "position <= end"}},
      {"ffma_ReadingBeforeTheFirstInput", "ffma", deep(), {block, "position >= begin && ", ""}},
      {"ffma_ReadingOneInputTooFew", "ffma", deep(), {block, "position >= begin", "position > begin"}},
      {"ffma_ReadingChannelsPastTheLast",
       "ffma",
       deep(),
       {ffma, "teams_have_all || channel < channels_of(chunk)", "true"}},
      {"ffma_CopyingWeightsPastTheLastStep",
       "ffma",
       deep(),
       {ffma, "all_steps || step < layer.in_channels * taps - first_step", "true"}},
      {"ffma_WithTapsThatAPhaseLacks", "ffma", deep(), {ffma, "if (r < present)", ""}},
      {"outputs_PastTheEnd", "depthwise", separate(), {interleave, " && at < end", ""}},
      {"outputs_BeforeTheBeginning", "depthwise", padded(separate()), {interleave, "at >= begin && ", ""}},
      {"outputs_OfOnePhasePastTheEnd", "ffma", layer(6, 3, 70, 66), {interleave, " && at < end", ""}},
      {"outputs_OfOnePhaseBeforeTheBeginning",
       "ffma",
       padded(layer(6, 3, 70, 66)),
       {interleave, "at >= begin && ", ""}},
      {"depthwise_WithoutTheBarrierOfItsWarps", "depthwise", separate(), {depthwise, "sync_warp();", ""}},
      {"depthwise_ReadingPastTheLastInput",
       "depthwise",
       separate(),
       {depthwise, " && first + i < arguments.input_length", ""}},
      {"depthwise_ReadingBeforeTheFirstInput", "depthwise", separate(), {depthwise, "first + i >= 0 && ", ""}},
      {"mma_WaitingForOneStageTooFew",
       "mma",
       fast(),
       {mma, "wait_copies<tile.stages - 2>();", "wait_copies<tile.stages - 1>();"}},
      {"mma_WithoutTheBarrierBeforeAStageIsRead", "mma", fast(), {mma, "__syncthreads();  // this stage", "//"}},
      {"mma_WithOneStageOfInputsForTwo", "mma", fast(), {mma, "chunk % 2 * input_words", "0"}},
      {"mma_CopyingIntoTheStageThatIsRead",
       "mma",
       fast(),
       {mma, "copy_weights(chunk + tile.stages - 1);", "copy_weights(chunk + tile.stages);"}},
      {"mma_WithoutTheBarriersAroundSlices",
       "mma",
       fast(),
       {mma, "        sync();\n        if (slice", "        if (slice"}},
      {"mma_ReadingPastTheLastInput", "mma", fast(), {block, " && position < end;", ";"}},
      {"mma_ReadingBeforeTheFirstInput", "mma", fast(), {block, "position >= begin && ", ""}},
      {"mma_ReadingChannelsPastTheLast", "mma", fast(), {mma, "(fills_stages || channel < layer.in_channels)", "true"}},
      {"wgmma_WaitingForTheOtherPhaseOfFull",
       wgmma_tile,
       fast(),
       {wgmma, "step / tile.stages % 2", "(step / tile.stages + 1) % 2"}},
      {"wgmma_WaitingForTheOtherPhaseOfEmpty", wgmma_tile, fast(), {wgmma, "(round - 1) % 2", "round % 2"}},
      {"wgmma_ExpectingTooFewBytes",
       wgmma_tile,
       fast(),
       {wgmma, "outer * inner * bytes", "outer * inner * bytes - 16"}},
      {"wgmma_ExpectingAllGroupsOfRows", wgmma_tile, fast(), {wgmma, "outer * inner * bytes", "row_groups * bytes"}},
      {"wgmma_CopyingTooFewBytes",
       wgmma_tile,
       fast(),
       {wgmma, "(whole_slabs ? outer : 1) * inner * bytes, full", "16, full"}},
      {"wgmma_WithoutTheWaitForAFullStage", wgmma_tile, fast(), {wgmma, "wait(full(stage)", "(void)(full(stage)"}},
      {"wgmma_WithoutTheWaitForAnEmptyStage", wgmma_tile, fast(), {wgmma, "if (round > 0) wait", "if (false) wait"}},
      {"wgmma_WithoutTheWaitForProducts", wgmma_tile, fast(), {wgmma, "wait_products<0>();", ""}},
      {"wgmma_WaitingForOneGroupOfProductsTooFew",
       wgmma_tile,
       fast(),
       {wgmma, "wait_products<0>();", "wait_products<1>();"}},
      {"wgmma_WithTooFewArrivals", wgmma_tile, fast(), {wgmma, "warps_of_group + 1,", "warps_of_group,"}},
      {"wgmma_CopyingChannelsPastTheLast",
       wgmma_tile,
       fast(),
       {wgmma, "min(tile.inner_tiles, packed.inner(layer) - first_inner)", "tile.inner_tiles"}},
      {"wgmma_FetchingAStageTooEarly", wgmma_tile, fast(), {wgmma, "fetch_inputs(chunk + 1,", "fetch_inputs(chunk,"}},
      {"wgmma_ReadingPastTheLastInput", wgmma_tile, fast(), {block, " && position < end;", ";"}},
      {"wgmma_ReadingChannelsPastTheLast",
       wgmma_tile,
       fast(),
       {mma, "(fills_stages || channel < layer.in_channels)", "true"}},
      {"wgmma_WithCoreMatricesSideBySide",
       wgmma_tile,
       fast(),
       {wgmma, "4 * WgmmaWeights::core_words, 4 * row_group_words",
        "4 * row_group_words, 4 * WgmmaWeights::core_words"}},
  };
}

// What is wrong with a result or a run, under any schedule; empty when nothing is.
std::string complaint(const Mutant& mutant, const std::vector<Mutation>& mutations) {
  using emulator::Schedule;
  const EmulatedKernel kernel(mutant.spec, "cuda:sm_90a", mutant.plan, mutations);
  LayerData<float> data(mutant.spec, 2, 37);
  if (mutant.spec.math == Math::fast)
    for (std::vector<float>* values : {&data.x, &data.w, &data.b})
      for (float& value : *values) value = std::round(4 * value);
  else
    data.x[7] = std::numeric_limits<float>::infinity();  // times zero, it shows
  for (const Schedule& schedule : {Schedule::forward(), Schedule::reverse(), Schedule::shuffled(1)})
    for (int tile = 0; tile < kernel.tiles(); ++tile) try {
        const auto y = kernel.run(data, {.schedule = schedule, .input_gap = 3, .output_gap = 2, .tile = tile});
        if (const auto equal = equals_strict_chain(data, y); !equal) return equal.message();
      } catch (const emulator::Failure& failure) {
        return failure.what();
      }
  return {};
}

class Mutants : public ::testing::TestWithParam<Mutant> {};

TEST_P(Mutants, AreNoticed) {
  const std::string found = complaint(GetParam(), {GetParam().mutation});
  EXPECT_NE(found, "") << GetParam().mutation.from;
  RecordProperty("complaint", found);
}

TEST_P(Mutants, AreTheOnlyThingThatIsWrong) {
  EXPECT_EQ(complaint(GetParam(), {}), "");
}

INSTANTIATE_TEST_SUITE_P(Kernels, Mutants, ::testing::ValuesIn(mutants()), [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace unstride::testing
