// Kernels, weights and engines are values: cheap to copy, safe to share, in any order of destruction.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

void on_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
}

TEST(Sharing, ManyThreadsRunOneKernelAtOnce) {
  const LayerSpec spec = layer(40, 32, 8, 4);  // large enough to want the engine's threads
  const Kernel kernel = engine().compile(spec);
  const LayerData<float> data(spec, 2, 300);
  const PackedWeights weights = kernel.pack(data.w, data.b);
  const std::vector<float> expected = run(kernel, weights, data);
  on_threads(4, [&](int thread) {
    for (int round = 0; round < 10; ++round) {
      RunOptions options;
      options.threads = thread;  // 0: the engine's number
      EXPECT_TRUE(same_bits(run(kernel, weights, data, options), expected));
    }
  });
}

TEST(Sharing, ManyThreadsRunKernelsOfDifferentScratchSizesAtOnce) {
  std::vector<LayerData<float>> data;
  for (const LayerSpec& spec : {layer(3, 2, 4, 2), layer(200, 8, 4, 2), layer(1, 1, 300, 7)})
    data.emplace_back(spec, 1, 90);
  on_threads(3, [&](int thread) {
    for (std::size_t round = 0; round < 9; ++round) {
      const LayerData<float>& mine = data[(round + static_cast<std::size_t>(thread)) % data.size()];
      const Kernel kernel = engine().compile(mine.spec);  // compiling is safe to share too
      EXPECT_TRUE(equals_strict_chain_at(mine, run(kernel, mine), 100, 1));
    }
  });
}

TEST(Sharing, KernelsAndWeightsOutliveTheirEngine) {
  const LayerSpec spec = layer(40, 32, 8, 4);
  const LayerData<float> data(spec, 2, 300);
  std::optional<Engine> short_lived(EngineOptions{.threads = 2});
  const Kernel kernel = short_lived->compile(spec);
  const Kernel other = short_lived->compile(layer(2, 2, 2, 2));
  const PackedWeights weights = kernel.pack(data.w, data.b);
  short_lived.reset();
  EXPECT_TRUE(equals_strict_chain(data, run(kernel, weights, data)));
}

TEST(Sharing, ACopyOfAKernelIsTheSameKernel) {
  const LayerSpec spec = layer(4, 3, 5, 2);
  const LayerData<float> data(spec, 1, 30);
  std::optional<Kernel> original = engine().compile(spec);
  const PackedWeights weights = original->pack(data.w, data.b);
  const Kernel copy = *original;
  original.reset();
  EXPECT_TRUE(equals_strict_chain(data, run(copy, weights, data)));
  EXPECT_EQ(copy.spec(), spec);
}

TEST(Sharing, WeightsServeAnotherKernelOfTheSameLayerAndPlan) {
  const LayerSpec spec = layer(4, 3, 5, 2);
  const LayerData<float> data(spec, 1, 30);
  const PackedWeights weights = engine().compile(spec).pack(data.w, data.b);
  const Engine another({.threads = 1, .cache = {.mode = CacheMode::off}});
  EXPECT_TRUE(equals_strict_chain(data, run(another.compile(spec), weights, data)));
}

TEST(Sharing, AnEngineIsACopyableHandle) {
  std::optional<Engine> original(EngineOptions{.threads = 2, .cache = {.mode = CacheMode::off}});
  const Engine copy = *original;
  original.reset();
  EXPECT_EQ(copy.threads(), 2);
  EXPECT_EQ(copy.compile(layer(1, 1, 2, 2)).output_length(3), 6);
}

}  // namespace
}  // namespace unstride::testing
