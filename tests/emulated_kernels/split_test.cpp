// Blocks that share a reduction, in the emulator: within the bound of fast math, the same bits whoever comes last, and
// a workspace that is left as it was found. Mutants show that each of these can fail.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/emulated_kernels/fast_math_testing.h"
#include "tests/emulator/failure.h"
#include "tests/kernels/random_layers.h"
#include "tests/kernels/seeds.h"
#include "tests/kernels/sweep_design.h"
#include "tests/oracle/comparison.h"

namespace unstride::testing {
namespace {

using emulator::Schedule;

const std::array schedules = {Schedule::forward(), Schedule::reverse(), Schedule::shuffled(1)};

// The tile and one like it that shares nothing: a plan needs that too.
std::string with_splits(const std::string& tile, int splits) {
  return fmt::format("{0} splits=1 blocks_per_multiprocessor=1; {0} splits={1} blocks_per_multiprocessor=1", tile,
                     splits);
}
constexpr int split_tile = 1;  // of such a plan

// One stage holds one slab and two taps; warps share the reduction of a block too, or do not.
std::string mma_tile(std::uint64_t seed) {
  const std::array tiles = {
      "order=channels columns=32 inner_tiles=2 outer_tiles=2 column_warps=2 row_warps=1 depth_warps=1 slabs=1 "
      "tap_block=2",
      "order=channels columns=16 inner_tiles=1 outer_tiles=4 column_warps=1 row_warps=2 depth_warps=2 slabs=1 "
      "tap_block=1"};
  return fmt::format("mma {} stages={}", tiles[seed % tiles.size()], 2 + seed % 3);
}
std::string wgmma_tile(std::uint64_t seed) {
  const std::array tiles = {"order=channels inner_tiles=2 outer_tiles=4 warpgroups=1 slabs=1 stages=2",
                            "order=channels inner_tiles=4 outer_tiles=4 warpgroups=2 slabs=1 stages=3"};
  return std::string("wgmma ") + tiles[seed % tiles.size()];
}

LayerSpec deep() {
  LayerSpec spec = layer(150, 18, 8, 3);
  spec.math = Math::fast;
  spec.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.25};
  spec.epilogue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.25};
  return spec;
}

template <typename T>
class EmulatedSplits : public ::testing::Test {
 protected:
  static LayerSpec fast(LayerSpec spec) { return fast_layer<T>(std::move(spec)); }

  // False where the plan is not for the layer: too short a reduction, say.
  bool check(const LayerSpec& spec, const std::string& plan, std::int64_t batch, std::int64_t length) {
    SCOPED_TRACE(to_json(spec));
    const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_90a"));
    for (const plan::GpuTile& tile : plan::parse_gpu_plan(plan).tiles)
      if (!plan::strategy_of(tile).why_illegal(problem, tile).empty()) return false;
    const LayerData<T> data(spec, batch, length);
    if (data.oracle().output_length() < 1) return false;
    const EmulatedKernel kernel(spec, "cuda:sm_90a", plan);
    std::vector<T> first;
    for (const Schedule& schedule : schedules) {
      const EmulatedRun how = {
          .schedule = schedule, .input_gap = 3, .output_gap = 2, .tile = split_tile, .launches = 2};
      const std::vector<T> y = kernel.run(data, how);
      if (first.empty()) {
        EXPECT_TRUE(within_fast_math_bound(data, y)) << kernel.describe(data, how);
        first = y;
      }
      EXPECT_TRUE(same_bits(y, first)) << "another order of blocks: " << kernel.describe(data, how);
    }
    return true;
  }
};
using Types = ::testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(EmulatedSplits, Types);

TYPED_TEST(EmulatedSplits, GiveTheSameBitsWhoeverComesLastWithinTheBound) {
  const LayerSpec spec = this->fast(deep());
  std::uint64_t seed = 0;
  for (const int splits : {2, 3, 5})
    for (const std::int64_t length : {1, 37}) {
      EXPECT_TRUE(this->check(spec, with_splits(mma_tile(++seed), splits), 2, length));
      EXPECT_TRUE(this->check(spec, with_splits(wgmma_tile(seed), splits), 1, length));
    }
}

TYPED_TEST(EmulatedSplits, OfAnInverseFourierTransform) {
  LayerSpec spec = layer(130, 1, 64, 16);
  spec.bias = false;
  const std::string tile =
      "mma order=phases columns=16 inner_tiles=2 outer_tiles=1 column_warps=1 row_warps=1 depth_warps=2 slabs=1 "
      "tap_block=4 "
      "stages=3";
  EXPECT_TRUE(this->check(this->fast(spec), with_splits(tile, 3), 1, 21));
}

TYPED_TEST(EmulatedSplits, OfSmallLayers) {
  std::uint64_t seed = dtype_of<TypeParam> == DType::float32 ? 0 : dtype_of<TypeParam> == DType::float16 ? 5 : 10;
  int checked = 0;
  for (const SweepPoint& point : sweep_points()) {
    ++seed;
    // More input channels than the sweep's, so that there is something to share.
    LayerSpec spec = this->fast(sweep_layer(point, dtype_of<TypeParam>));
    spec.in_channels *= 40;
    if (seed % 25 == 0)
      checked += this->check(spec, with_splits(mma_tile(seed), 2), 1, 3 + static_cast<std::int64_t>(seed % 29)) ? 1 : 0;
  }
  EXPECT_GT(checked, 5);
}

TYPED_TEST(EmulatedSplits, OfRandomLayers) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE("repeat with UNSTRIDE_TEST_SEED=" + std::to_string(seed));
    RandomLayers draw(seed);
    for (std::uint64_t i = 0; i < 8; ++i) {
      const LayerSpec spec = this->fast(draw.one_in(3) ? draw.dilated_layer() : draw.layer());
      const std::int64_t length = draw.length(spec, 500'000);
      this->check(spec, with_splits(mma_tile(seed + i), static_cast<int>(2 + i % 3)), 1, length);
    }
  }
}

// ---- Mutants

struct Mutant {
  std::string name, tile;
  Mutation mutation;

  friend std::ostream& operator<<(std::ostream& out, const Mutant& mutant) { return out << mutant.name; }
};

constexpr const char *split = "templates/cuda/split.h", *mma = "templates/cuda/mma.h";

std::vector<Mutant> mutants() {
  std::vector<Mutant> result;
  for (const std::string& tile : {mma_tile(1), wgmma_tile(0)}) {
    const std::string on = tile.substr(0, tile.find(' ')) + "_";
    const auto add = [&](const char* name, Mutation mutation) { result.push_back({on + name, tile, mutation}); };
    add("WithoutTheBarrierBeforeTheArrival", {split, "sync();  // the block's", "//"});
    add("WithoutTheBarrierBeforeTheFlagIsRead", {split, "  sync();\n  if (*flag", "  if (*flag"});
    add("NotLeavingTheCounterAtZero", {split, "if (is_last) *counter = 0;", ""});
    add("AddedBeforeTheLastIsThere", {split, "== shape.splits - 1", "== shape.splits - 2"});
    add("InOnePlace", {split, "share.split * slice + ", ""});
    add("OfOneTile", {split, "Index{share.tile} * (shape.splits * slice)", "0"});
    add("WithOneCounter", {split, "(workspace) + share.tile", "(workspace)"});
    add("LeavingOutTheFirst", {split, "int s = 0; s < shape.splits", "int s = 1; s < shape.splits"});
    add("InTheOrderOfArrival", {split, "slices + s * slice", "slices + (share.split + s) % shape.splits * slice"});
    add("EachWithTheBias", {mma, "share.split == 0 && ", ""});
    add("OverlappingByOneStage", {split, "static_cast<int>(Index{count} * (split + parts_later) / splits)",
                                  "static_cast<int>(Index{count} * (split + parts_later) / splits) + "
                                  "(parts_later > 0 && split + 1 < splits ? 1 : 0)"});
  }
  return result;
}

// What is wrong under some schedule; empty when nothing is.
std::string complaint(const Mutant& mutant, const std::vector<Mutation>& mutations) {
  const LayerSpec spec = deep();
  const EmulatedKernel kernel(spec, "cuda:sm_90a", with_splits(mutant.tile, 3), mutations);
  const LayerData<float> data(spec, 2, 37);
  std::vector<float> first;
  for (const Schedule& schedule : schedules) try {
      const auto y = kernel.run(data, {.schedule = schedule, .tile = split_tile, .launches = 2});
      if (const auto within = within_fast_math_bound(data, y); !within) return within.message();
      if (first.empty()) first = y;
      if (!same_bits(y, first)) return "another order of blocks gives other bits";
    } catch (const emulator::Failure& failure) {
      return failure.what();
    }
  return {};
}

class SplitMutants : public ::testing::TestWithParam<Mutant> {};

TEST_P(SplitMutants, AreNoticed) {
  const std::string found = complaint(GetParam(), {GetParam().mutation});
  EXPECT_NE(found, "") << GetParam().mutation.from;
  RecordProperty("complaint", found);
}

INSTANTIATE_TEST_SUITE_P(Kernels, SplitMutants, ::testing::ValuesIn(mutants()),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace unstride::testing
