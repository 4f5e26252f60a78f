// The promise of strict math: a GPU's kernel and a CPU's give the same bits.
#include <gtest/gtest.h>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/random_layers.h"
#include "tests/kernels/seeds.h"

namespace unstride::testing {
namespace {

TEST(EmulatedKernels, HaveTheBitsOfTheCpusKernels) {
  for (const std::uint64_t seed : seeds()) {
    SCOPED_TRACE("repeat with UNSTRIDE_TEST_SEED=" + std::to_string(seed));
    RandomLayers draw(seed);
    for (int i = 0; i < 6; ++i) {
      const LayerSpec spec = draw.layer();
      const std::int64_t length = draw.length(spec, 1'000'000);
      with_element(spec.dtype, [&](auto element) {
        const LayerData<decltype(element)> data(spec, 1, length, seed);
        const Kernel on_cpu = engine().compile(spec, {.target = "cpu", .plan = {}});
        const EmulatedKernel on_gpu(spec, "cuda:sm_80");
        EXPECT_TRUE(same_bits(on_gpu.run(data), run(on_cpu, data))) << on_gpu.describe(data, {});
      });
    }
  }
}

}  // namespace
}  // namespace unstride::testing
