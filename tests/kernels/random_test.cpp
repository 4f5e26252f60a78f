// Random layers, larger than the sweep's: many channels, long kernels, strides beyond a vector, several panels.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/seeds.h"

namespace unstride::testing {
namespace {

constexpr int layers_per_seed = 40;
constexpr std::int64_t compared_outputs = 400;
constexpr std::int64_t largest_work = 30'000'000;  // multiply-adds of one layer

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::int64_t between(std::int64_t low, std::int64_t high) { return low + random_.below(high - low + 1); }
  bool one_in(std::int64_t n) { return random_.below(n) == 0; }
  /// Small values as often as large ones.
  std::int64_t up_to(std::int64_t high) { return between(1, one_in(2) ? std::min<std::int64_t>(high, 8) : high); }

  Activation activation() {
    const std::int64_t kind = between(0, 3);
    if (kind == 0) return {.op = Activation::Op::relu};
    if (kind == 1) return {.op = Activation::Op::leaky_relu, .negative_slope = 0.125 * static_cast<double>(up_to(9))};
    return {};
  }

  LayerSpec layer() {
    LayerSpec spec;
    spec.groups = one_in(3) ? up_to(12) : 1;
    const bool depthwise = spec.groups > 1 && one_in(2);
    spec.in_channels = spec.groups * (depthwise ? 1 : up_to(70 / spec.groups));
    spec.out_channels = spec.groups * up_to(70 / spec.groups);
    spec.kernel_size = up_to(70);
    spec.stride = up_to(40);
    spec.dilation = one_in(3) ? between(2, 6) : 1;
    spec.output_padding = between(0, std::max(spec.stride, spec.dilation) - 1);
    const std::int64_t overhang = spec.dilation * (spec.kernel_size - 1) + 1;
    spec.padding = between(0, overhang / 2);
    if (one_in(3)) spec.trim = {between(0, spec.stride), between(0, spec.stride)};
    spec.bias = !one_in(3);
    constexpr std::array dtypes = {DType::float32, DType::float64, DType::float16, DType::bfloat16};
    spec.dtype = dtypes[static_cast<std::size_t>(between(0, 3))];
    spec.prologue = activation();
    spec.epilogue = activation();
    return spec;
  }

 private:
  tools::SplitMix64 random_;
};

std::int64_t length_for(const LayerSpec& spec, Draw& draw) {
  const std::int64_t work_per_input = spec.weight_count();
  std::int64_t length = std::min(draw.up_to(400), std::max<std::int64_t>(1, largest_work / work_per_input));
  while (StrictChain<float>{spec, 0, length, {}, {}, {}}.output_length() < 1) ++length;
  return length;
}

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
    Draw draw(seed);
    for (int i = 0; i < layers_per_seed; ++i) {
      const LayerSpec spec = draw.layer();
      const std::int64_t length = length_for(spec, draw), batch = draw.between(1, 2);
      with_element(spec.dtype,
                   [&](auto element) { check<decltype(element)>(spec, batch, length, static_cast<std::uint64_t>(i)); });
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace unstride::testing
