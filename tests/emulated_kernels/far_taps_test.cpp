// Layers whose dilation or trim takes a block's inputs far from its columns, in the emulator.
#include <gtest/gtest.h>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/oracle/comparison.h"

namespace unstride::testing {
namespace {

void expect_strict_chain(const LayerSpec& spec, const std::string& target, const std::string& plan,
                         std::int64_t length) {
  const LayerData<float> data(spec, 2, length);
  const EmulatedKernel kernel(spec, target, plan);
  for (int tile = 0; tile < kernel.tiles(); ++tile)
    for (const Touching touching : {Touching::front, Touching::back}) {
      const EmulatedRun how = {.touching = touching, .tile = tile};
      EXPECT_TRUE(equals_strict_chain(data, kernel.run(data, how))) << kernel.describe(data, how);
    }
}

TEST(FarTaps, ThreadsOfPhasesThatDoNotExistReadNothingBeforeSharedMemory) {
  LayerSpec spec = layer(2, 2, 9, 3);
  spec.dilation = 64;
  for (const std::string other_threads : {"2", "4"})
    expect_strict_chain(spec, "cuda:sm_90a",
                        "ffma order=channels rows=1 row_threads=1 other_threads=" + other_threads +
                            " column_groups=1 column_threads=16 channel_block=1 tap_block=3 "
                            "blocks_per_multiprocessor=1",
                        40);
}

// Every output lies 2^33 columns behind the last input, and is its bias.
TEST(FarTaps, OutputsFarBehindTheLastInputReadNoInput) {
  constexpr std::int64_t far = std::int64_t{1} << 33;
  LayerSpec spec = layer(16, 3, 1, 1);
  spec.dilation = far;
  spec.output_padding = far - 1;
  spec.trim = {far - 100, 0};
  expect_strict_chain(spec, "cuda:sm_90a", "ffma", 10);
  spec.math = Math::fast;
  expect_strict_chain(spec, "cuda:sm_80", "mma", 10);
  spec.math = Math::strict;
  spec.in_channels = spec.groups = spec.out_channels;
  expect_strict_chain(spec, "cuda:sm_90a", "depthwise", 10);
}

}  // namespace
}  // namespace unstride::testing
