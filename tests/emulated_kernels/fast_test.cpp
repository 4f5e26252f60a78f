// Fast math on tensor cores, in the emulator: within the bound of docs/spec.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/emulated_kernels/fast_math_testing.h"
#include "tests/kernels/random_layers.h"
#include "tests/kernels/seeds.h"
#include "tests/kernels/sweep_design.h"
#include "tests/oracle/comparison.h"

namespace unstride::testing {
namespace {

template <typename T>
class EmulatedFastMath : public ::testing::Test {
 protected:
  static LayerSpec fast(LayerSpec spec) { return fast_layer<T>(std::move(spec)); }
  void check(const LayerSpec& spec, const std::string& plan, std::int64_t batch, std::int64_t length,
             std::uint64_t seed) {
    SCOPED_TRACE(to_json(spec));
    const LayerData<T> data(spec, batch, length, seed);
    if (data.oracle().output_length() < 1) return;
    const EmulatedKernel kernel(spec, plan.starts_with("wgmma") ? "cuda:sm_90a" : "cuda:sm_80", plan);
    const std::array schedules = {emulator::Schedule::forward(), emulator::Schedule::reverse(),
                                  emulator::Schedule::shuffled(seed)};
    for (int tile = 0; tile < kernel.tiles(); ++tile) {
      const EmulatedRun how = {.schedule = schedules[(seed + static_cast<unsigned>(tile)) % 3],
                               .touching = tile % 2 == 0 ? Touching::back : Touching::front,
                               .input_gap = static_cast<std::int64_t>(seed % 4),
                               .output_gap = static_cast<std::int64_t>(seed % 3),
                               .tile = tile};
      EXPECT_TRUE(within_fast_math_bound(data, kernel.run(data, how))) << kernel.describe(data, how);
    }
  }
};
using Types = ::testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(EmulatedFastMath, Types);

std::vector<LayerSpec> layers() {
  std::vector<LayerSpec> result = {layer(64, 32, 16, 8), layer(33, 5, 7, 3),   layer(96, 20, 4, 2), layer(1, 1, 1, 1),
                                   layer(40, 3, 2, 5),   layer(70, 1, 64, 16), layer(32, 48, 3, 1), layer(64, 6, 9, 4),
                                   layer(32, 8, 5, 4),   layer(80, 12, 6, 2),  layer(300, 9, 4, 2)};
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

TYPED_TEST(EmulatedFastMath, OnTensorCoresIsWithinItsBound) {
  std::uint64_t seed = 0;
  for (const LayerSpec& spec : layers())
    for (const std::int64_t length : {2, 70}) this->check(this->fast(spec), "mma", 2, length, ++seed);
}

// An infinite input, and which outputs it may reach: those of its taps, and of the one that some phases lack.
template <typename T>
void expect_infinity_stays_where_it_may(const LayerSpec& spec, const std::string& plan) {
  SCOPED_TRACE(to_json(spec) + plan);
  constexpr std::int64_t length = 50, at = 20;
  LayerData<T> data(spec, 1, length);
  data.x[at] = stored<T>(std::numeric_limits<double>::infinity());
  const std::vector<T> y = EmulatedKernel(spec, "cuda:sm_80", plan).run(data);
  const std::int64_t outputs = data.oracle().output_length();
  const std::int64_t tap_step = spec.stride / std::gcd(spec.stride, spec.dilation);
  const std::int64_t multiplied = (spec.kernel_size + tap_step - 1) / tap_step * tap_step;
  for (std::int64_t o = 0; o < outputs; ++o) {
    const std::int64_t from_it = o + spec.padding - at * spec.stride, tap = from_it / spec.dilation;
    const bool of_a_tap = from_it >= 0 && from_it % spec.dilation == 0;
    for (std::int64_t channel = 0; channel < spec.out_channels; ++channel) {
      const bool finite = std::isfinite(value_of(y[static_cast<std::size_t>(channel * outputs + o)]));
      if (of_a_tap && tap < spec.kernel_size) {
        EXPECT_FALSE(finite) << "output " << o << " of channel " << channel;
      } else if (!of_a_tap || tap >= multiplied) {
        EXPECT_TRUE(finite) << "output " << o << " of channel " << channel;
      }
    }
  }
}

TYPED_TEST(EmulatedFastMath, AnInfinityReachesTheOutputsThatTheSpecNamesAndNoOther) {
  LayerSpec one = this->fast(layer(24, 10, 7, 3)), dilated = this->fast(layer(24, 10, 10, 4));
  one.padding = 2;
  dilated.dilation = 3;
  for (const LayerSpec& spec : {one, dilated}) {
    expect_infinity_stays_where_it_may<TypeParam>(spec, "mma");
    // Three taps, two at a time: there is no fourth.
    expect_infinity_stays_where_it_may<TypeParam>(
        spec,
        "mma order=channels columns=32 inner_tiles=2 outer_tiles=2 column_warps=2 row_warps=1 depth_warps=1 slabs=1 "
        "tap_block=2 stages=2 splits=1 blocks_per_multiprocessor=1");
  }
}

TYPED_TEST(EmulatedFastMath, OfSmallLayersIsWithinItsBound) {
  std::uint64_t seed = dtype_of<TypeParam> == DType::float32 ? 0 : dtype_of<TypeParam> == DType::float16 ? 1 : 2;
  for (const SweepPoint& point : sweep_points())
    if (++seed % 6 == 0)  // each type takes a sixth of them
      this->check(this->fast(sweep_layer(point, dtype_of<TypeParam>)), "mma", 1,
                  3 + static_cast<std::int64_t>(seed % 29), seed);
}

// Small tiles, which take what the planner would not offer wgmma for; by turns one and two warpgroups, one and two
// instructions for their rows, rows by channels and by phases.
std::string small_wgmma(std::uint64_t seed) {
  const std::array tiles = {"order=channels inner_tiles=2 outer_tiles=4 warpgroups=1 slabs=1 stages=2",
                            "order=phases inner_tiles=1 outer_tiles=16 warpgroups=2 slabs=1 stages=3",
                            "order=phases inner_tiles=4 outer_tiles=2 warpgroups=1 slabs=1 stages=4",
                            "order=channels inner_tiles=4 outer_tiles=8 warpgroups=2 slabs=1 stages=2"};
  return std::string("wgmma ") + tiles[seed % tiles.size()] + " splits=1 blocks_per_multiprocessor=1";
}
bool for_wgmma(const LayerSpec& spec) {
  const gpu::Polyphase polyphase = {spec.stride, spec.dilation, spec.kernel_size};
  return polyphase.max_delay() == 0 && polyphase.max_taps() <= 4 && polyphase.reach() <= 32;
}

TYPED_TEST(EmulatedFastMath, OnWarpgroupsIsWithinItsBound) {
  std::uint64_t seed = 0;
  for (const LayerSpec& spec : layers())
    if (for_wgmma(spec))
      for (const std::int64_t length : {2, 70}) {
        ++seed;
        this->check(this->fast(spec), small_wgmma(seed / 2), 2, length, seed);
      }
}

TYPED_TEST(EmulatedFastMath, OfDeepLayersOnWarpgroupsIsWithinItsBound) {
  LayerSpec deep = layer(256, 24, 16, 8), one_tap = layer(320, 40, 2, 2);
  deep.padding = 4;
  deep.prologue = {.op = Activation::Op::leaky_relu, .negative_slope = 0.25};
  std::uint64_t seed = 0;
  const std::string several_slabs =
      "wgmma order=channels inner_tiles=1 outer_tiles=8 warpgroups=1 slabs=2 stages=3 splits=1 "
      "blocks_per_multiprocessor=2";
  for (const LayerSpec& spec : {deep, one_tap})
    for (const std::int64_t length : {5, 131})
      for (const std::string& plan : {std::string("wgmma"), several_slabs})
        this->check(this->fast(spec), plan, 1, length, ++seed);
}

TYPED_TEST(EmulatedFastMath, OfSmallLayersOnWarpgroupsIsWithinItsBound) {
  std::uint64_t seed = dtype_of<TypeParam> == DType::float32 ? 0 : dtype_of<TypeParam> == DType::float16 ? 3 : 6;
  for (const SweepPoint& point : sweep_points()) {
    if (++seed % 9 != 0) continue;  // each type takes a ninth of them
    const LayerSpec spec = this->fast(sweep_layer(point, dtype_of<TypeParam>));
    if (for_wgmma(spec)) this->check(spec, small_wgmma(seed / 9), 1, 3 + static_cast<std::int64_t>(seed % 29), seed);
  }
}

TYPED_TEST(EmulatedFastMath, OfRandomLayersOnWarpgroupsIsWithinItsBound) {
  constexpr std::int64_t largest_work = 2'000'000;  // multiply-adds of one layer
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE("repeat with UNSTRIDE_TEST_SEED=" + std::to_string(seed));
    RandomLayers draw(seed);
    for (int i = 0; i < 12; ++i) {
      const LayerSpec spec = this->fast(draw.layer());
      const std::int64_t length = draw.length(spec, largest_work);
      if (for_wgmma(spec)) this->check(spec, small_wgmma(seed + static_cast<std::uint64_t>(i)), 1, length, seed);
    }
  }
}

}  // namespace
}  // namespace unstride::testing
