// Random layers, larger than the sweep's: many channels, long kernels, strides beyond a vector, several panels.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/random_layers.h"
#include "tests/kernels/seeds.h"

namespace unstride::testing {
namespace {

constexpr int layers_per_seed = 40;
constexpr std::int64_t compared_outputs = 400;
constexpr std::int64_t largest_work = 30'000'000;  // multiply-adds of one layer

template <typename T>
void check(const LayerSpec& spec, std::int64_t batch, std::int64_t length, std::uint64_t seed) {
  const LayerData<T> data(spec, batch, length, seed);
  for (const std::string& target : runnable_instruction_sets())
    for (const char* strategy : {"", "row_lanes", "column_lanes"}) {
      if (std::string(strategy) == "column_lanes" && spec.stride > 8) continue;  // it takes no others
      const Kernel kernel = engine().compile(spec, {.target = target, .plan = strategy});
      const std::vector<T> y = run(kernel, data, {}, seed % 2 == 0 ? Touching::front : Touching::back);
      ASSERT_TRUE(equals_strict_chain_at(data, y, compared_outputs, seed)) << describe(kernel, data);
    }
}

TEST(RandomLayers, EqualTheStrictChainBitForBit) {
  for (const std::uint64_t seed : seeds()) {
    std::printf("UNSTRIDE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
    SCOPED_TRACE("repeat with UNSTRIDE_TEST_SEED=" + std::to_string(seed));
    RandomLayers draw(seed);
    for (int i = 0; i < layers_per_seed; ++i) {
      const LayerSpec spec = draw.layer();
      const std::int64_t length = draw.length(spec, largest_work), batch = draw.between(1, 2);
      with_element(spec.dtype,
                   [&](auto element) { check<decltype(element)>(spec, batch, length, static_cast<std::uint64_t>(i)); });
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace unstride::testing
