// Every layer of the published models on the GPU, at lengths that an oracle can follow.
#include <algorithm>

#include "tests/gpu/gpu_testing.h"
#include "tools/support/corpus.h"

namespace unstride::testing {
namespace {

using GpuCorpus = OnGpuInParts;

template <typename T>
void check(const tools::CorpusLayer& layer, std::int64_t length) {
  LayerSpec spec = layer.spec;
  spec.dtype = dtype_of<T>;
  const LayerData<T> data(spec, 1, length, 1);
  const Kernel kernel = engine().compile(spec, {.target = "cuda"});
  EXPECT_TRUE(equals_strict_chain_at(data, GpuCall<T>(kernel, data)(), 200, static_cast<std::uint64_t>(layer.id)))
      << layer.name() << ": " << describe(kernel, data);
}

TEST_P(GpuCorpus, EveryLayerEqualsTheStrictChainBitForBit) {
  for (const tools::CorpusLayer& layer : tools::read_corpus(UNSTRIDE_CORPUS)) {
    if (!mine(static_cast<std::size_t>(layer.id))) continue;
    std::int64_t length = layer.lengths.empty() ? 100 : std::clamp<std::int64_t>(layer.lengths.front(), 1, 2000);
    while (StrictChain<float>{layer.spec, 0, length, {}, {}, {}}.output_length() < 1) ++length;
    check<float>(layer, length);
    if (layer.id % 2 == 0)
      check<Float16>(layer, std::max<std::int64_t>(length / 2, 1) + 8);
    else
      check<BFloat16>(layer, std::max<std::int64_t>(length / 2, 1) + 8);
  }
}
INSTANTIATE_TEST_SUITE_P(Part, GpuCorpus, ::testing::Range<std::size_t>(0, GpuCorpus::parts));

}  // namespace
}  // namespace unstride::testing
