// Strict math on the GPU gives the bits of the CPU's kernels, also in a build that has none: their digests are in a
// file.
#include "tests/kernels/cpu_digests.h"

#include "tests/gpu/gpu_testing.h"

namespace unstride::testing {
namespace {

using GpuStrict = OnGpu;

TEST_F(GpuStrict, OutputsHaveTheDigestsOfTheCpusKernels) {
  const std::vector<CpuDigest> calls = read_digests(UNSTRIDE_CPU_DIGESTS);
  ASSERT_GT(calls.size(), 250u);
  for (const CpuDigest& call : calls)
    with_element(call.spec.dtype, [&](auto element) {
      using T = decltype(element);
      const LayerData<T> data(call.spec, call.batch, call.length);
      const Kernel kernel = engine().compile(call.spec, {.target = "cuda"});
      EXPECT_EQ(digest_of(GpuCall<T>(kernel, data)()), call.digest) << describe(kernel, data);
    });
}

}  // namespace
}  // namespace unstride::testing
