// Strict math on the GPU gives the bits of the CPU's kernels, also in a build that has none: their digests are in a
// file.
#include "tests/kernels/cpu_digests.h"

#include "tests/gpu/gpu_testing.h"

namespace unstride::testing {
namespace {

using GpuDigests = OnGpuInParts;

TEST_P(GpuDigests, OutputsHaveTheDigestsOfTheCpusKernels) {
  const std::vector<CpuDigest> calls = read_digests(UNSTRIDE_CPU_DIGESTS);
  ASSERT_GT(calls.size(), 250u);
  for (std::size_t k = 0; k < calls.size(); ++k) {
    if (!mine(k)) continue;
    const CpuDigest& call = calls[k];
    with_element(call.spec.dtype, [&](auto element) {
      using T = decltype(element);
      const LayerData<T> data(call.spec, call.batch, call.length);
      const Kernel kernel = engine().compile(call.spec, {.target = "cuda"});
      EXPECT_EQ(digest_of(GpuCall<T>(kernel, data)()), call.digest) << describe(kernel, data);
    });
  }
}
INSTANTIATE_TEST_SUITE_P(Part, GpuDigests, ::testing::Range<std::size_t>(0, GpuDigests::parts));

}  // namespace
}  // namespace unstride::testing
