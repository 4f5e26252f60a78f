// Random layers, larger than the sweep's, in the emulator.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/kernels/random_layers.h"
#include "tests/kernels/seeds.h"
#include "tests/oracle/comparison.h"

namespace unstride::testing {
namespace {

constexpr std::array targets = {"cuda:sm_75", "cuda:sm_80", "cuda:sm_90a"};
constexpr int layers_per_seed = 12;
constexpr std::int64_t compared_outputs = 400;
constexpr std::int64_t largest_work = 3'000'000;  // multiply-adds of one layer

template <typename T>
void check(const LayerSpec& spec, const std::string& target, std::int64_t batch, std::int64_t length,
           std::uint64_t seed) {
  const LayerData<T> data(spec, batch, length, seed);
  const EmulatedKernel kernel(spec, target);
  for (int tile = 0; tile < kernel.tiles(); ++tile) {
    const EmulatedRun how = {
        .schedule = emulator::Schedule::shuffled(seed),
        .touching = (seed + static_cast<unsigned>(tile)) % 2 == 0 ? Touching::front : Touching::back,
        .tile = tile};
    ASSERT_TRUE(equals_strict_chain_at(data, kernel.run(data, how), compared_outputs, seed))
        << kernel.describe(data, how);
  }
}

TEST(EmulatedRandomLayers, EqualTheStrictChainBitForBit) {
  for (const std::uint64_t seed : seeds()) {
    std::printf("UNSTRIDE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    SCOPED_TRACE("repeat with UNSTRIDE_TEST_SEED=" + std::to_string(seed));
    RandomLayers draw(seed);
    for (int i = 0; i < layers_per_seed; ++i) {
      const LayerSpec spec = draw.one_in(3) ? draw.dilated_layer() : draw.layer();
      const std::string target = targets[static_cast<std::size_t>(draw.between(0, std::ssize(targets) - 1))];
      const std::int64_t length = draw.length(spec, largest_work), batch = draw.between(1, 2);
      SCOPED_TRACE(to_json(spec));
      with_element(spec.dtype, [&](auto element) {
        check<decltype(element)>(spec, target, batch, length, seed + static_cast<std::uint64_t>(i));
      });
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace unstride::testing
