// Every layer of the published models in data/layers.json, at a length cut to a fixed amount of work.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/kernels/kernel_testing.h"
#include "tools/support/corpus.h"

namespace unstride::testing {
namespace {

constexpr std::int64_t largest_work = 100'000'000;  // multiply-adds of one layer, where one input allows it
constexpr std::int64_t compared_outputs = 60;

std::int64_t length_for(const tools::CorpusLayer& layer) {
  const std::int64_t wanted = layer.lengths.empty() ? 100 : layer.lengths.front();
  std::int64_t length = std::clamp<std::int64_t>(largest_work / layer.spec.weight_count(), 1, wanted);
  while (StrictChain<float>{layer.spec, 0, length, {}, {}, {}}.output_length() < 1) ++length;
  return length;
}

class Corpus : public ::testing::TestWithParam<std::string> {
 protected:
  template <typename T>
  void check(const tools::CorpusLayer& layer, std::int64_t length) {
    const LayerData<T> data(layer.spec, 1, length, 1);
    const Kernel kernel = engine().compile(layer.spec, {.target = GetParam(), .plan = {}});
    const std::vector<T> y = run(kernel, data);
    EXPECT_TRUE(equals_strict_chain_at(data, y, compared_outputs, static_cast<std::uint64_t>(layer.id)))
        << layer.name() << ": " << describe(kernel, data);
  }
};

TEST_P(Corpus, EveryLayerEqualsTheStrictChainBitForBit) {
  UNSTRIDE_SKIP_UNLESS_RUNNABLE(GetParam());
  const std::vector<tools::CorpusLayer> corpus = tools::read_corpus(UNSTRIDE_CORPUS);
  ASSERT_GT(corpus.size(), 100u);
  for (const tools::CorpusLayer& layer : corpus) check<float>(layer, length_for(layer));
}

TEST_P(Corpus, EveryLayerOf16BitElementsEqualsTheStrictChainBitForBit) {
  UNSTRIDE_SKIP_UNLESS_RUNNABLE(GetParam());
  for (tools::CorpusLayer& layer : tools::read_corpus(UNSTRIDE_CORPUS)) {
    const std::int64_t length = std::min<std::int64_t>(length_for(layer), 40);
    layer.spec.dtype = layer.id % 2 == 0 ? DType::float16 : DType::bfloat16;
    with_element(layer.spec.dtype, [&](auto element) { check<decltype(element)>(layer, length); });
  }
}

INSTANTIATE_TEST_SUITE_P(PublishedModels, Corpus, ::testing::ValuesIn(instruction_sets),
                         [](const auto& c) { return std::string("v") + c.param.back(); });

}  // namespace
}  // namespace unstride::testing
