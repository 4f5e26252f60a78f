// The digests that GPU kernels are held to are those of the CPU's kernels.
#include "tests/kernels/cpu_digests.h"

namespace unstride::testing {
namespace {

TEST(CpuDigests, AreWhatTheCpusKernelsGive) {
  const std::vector<CpuDigest> known = read_digests(UNSTRIDE_CPU_DIGESTS);
  const std::vector<CpuDigest> calls = digest_calls();
  ASSERT_EQ(known.size(), calls.size()) << "write it anew: unstride_make_cpu_digests " << UNSTRIDE_CPU_DIGESTS;
  ASSERT_GT(known.size(), 250u);
  for (std::size_t i = 0; i < known.size(); ++i) {
    CpuDigest call = calls[i];
    call.digest = digest_on_cpu(call);
    ASSERT_EQ(to_line(known[i]), to_line(call));
  }
}

}  // namespace
}  // namespace unstride::testing
