// Every layer of the published models in data/layers.json, at a short length, in the emulator. Of large grids some
// blocks run: those at the borders, and some between.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/emulated_kernels/emulated_kernel.h"
#include "tests/oracle/comparison.h"
#include "tools/support/corpus.h"

namespace unstride::testing {
namespace {

constexpr int shards = 4;  // tests that run side by side
constexpr std::int64_t most_blocks = 3;
constexpr std::int64_t compared_outputs = 40;

std::int64_t length_for(const tools::CorpusLayer& layer) {
  std::int64_t length = std::min<std::int64_t>(layer.lengths.empty() ? 40 : layer.lengths.front(), 40);
  while (StrictChain<float>{layer.spec, 0, length, {}, {}, {}}.output_length() < 1) ++length;
  return length;
}

// Some of the outputs that were written: the first, the last, and others at even distances.
template <typename T>
::testing::AssertionResult written_outputs_equal_strict_chain(const LayerData<T>& data, const std::vector<T>& y) {
  std::vector<std::int64_t> written;
  for (std::int64_t i = 0; i < std::ssize(y); ++i)
    if (!same_bits(y[static_cast<std::size_t>(i)], never_written<T>())) written.push_back(i);
  if (written.empty()) return ::testing::AssertionFailure() << "nothing was written";
  const std::int64_t row = std::ssize(y) / (data.batch * data.spec.out_channels);
  const std::int64_t last = std::ssize(written) - 1, count = std::min(last, compared_outputs);
  const StrictChain<T> oracle = data.oracle();
  for (std::int64_t i = 0; i <= count; ++i) {
    const std::int64_t at = written[static_cast<std::size_t>(count == 0 ? 0 : i * last / count)];
    const std::int64_t channels = data.spec.out_channels;
    const T expected = oracle.output(at / row / channels, at / row % channels, at % row);
    if (!same_bits(y[static_cast<std::size_t>(at)], expected))
      return ::testing::AssertionFailure()
             << "element " << at << " of y is " << value_of(y[static_cast<std::size_t>(at)])
             << "; the strict chain gives " << value_of(expected);
  }
  return ::testing::AssertionSuccess();
}

class EmulatedCorpus : public ::testing::TestWithParam<int> {};

TEST_P(EmulatedCorpus, EveryLayerEqualsTheStrictChainBitForBit) {
  constexpr std::array dtypes = {DType::float32, DType::float32, DType::float16, DType::bfloat16};
  const std::vector<tools::CorpusLayer> corpus = tools::read_corpus(UNSTRIDE_CORPUS);
  ASSERT_GT(corpus.size(), 100u);
  for (tools::CorpusLayer layer : corpus) {
    if (layer.id % shards != GetParam()) continue;
    layer.spec.dtype = dtypes[static_cast<std::size_t>(layer.id / shards % 4)];
    with_element(layer.spec.dtype, [&](auto element) {
      const LayerData<decltype(element)> data(layer.spec, 1, length_for(layer));
      const EmulatedKernel kernel(layer.spec, "cuda:sm_90a");
      const EmulatedRun how = {.schedule = emulator::Schedule::shuffled(static_cast<std::uint64_t>(layer.id)),
                               .most_blocks = most_blocks};
      EXPECT_TRUE(written_outputs_equal_strict_chain(data, kernel.run(data, how)))
          << layer.name() << ": " << kernel.describe(data, how);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(PublishedModels, EmulatedCorpus, ::testing::Range(0, shards));

}  // namespace
}  // namespace unstride::testing
