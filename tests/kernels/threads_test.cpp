// Threads, executors, batches and row pitches decide who computes an output and where it lies, never its bits.
#include <gtest/gtest.h>

#include <thread>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

// Runs every task on the caller's thread, the last one first.
class Backwards final : public Executor {
 public:
  void parallel(int count, void (*task)(void*, int), void* context) override {
    ++calls;
    for (int index = count - 1; index >= 0; --index) task(context, index);
  }
  int calls = 0;
};

// A new thread for each task.
class Threads final : public Executor {
 public:
  void parallel(int count, void (*task)(void*, int), void* context) override {
    ++calls;
    std::vector<std::jthread> threads;
    for (int index = 0; index < count; ++index) threads.emplace_back(task, context, index);
  }
  int calls = 0;
};

// Layers that the schedule cuts in different ways, large enough for several threads.
struct Cut {
  std::string name;
  LayerSpec spec;
  std::int64_t batch, length;

  friend std::ostream& operator<<(std::ostream& out, const Cut& cut) { return out << cut.name; }
};

std::vector<Cut> cuts() {
  std::vector<Cut> cuts = {
      {"rows", layer(96, 96, 16, 8), 1, 20},     // many row tiles, few columns
      {"columns", layer(24, 2, 8, 2), 1, 9000},  // many columns, few row tiles
      {"both", layer(48, 40, 8, 4), 2, 700},     // and a batch
      {"bias_only_phases", layer(48, 40, 4, 6), 1, 1500},
      {"groups", layer(96, 96, 12, 4), 1, 3000},
      {"dilation", layer(40, 24, 9, 4), 1, 600},
  };
  cuts[4].spec.groups = 48;
  cuts[5].spec.dilation = 3;
  return cuts;
}

class CutLayers : public ::testing::TestWithParam<Cut> {
 protected:
  const Kernel kernel_ = engine().compile(GetParam().spec);
  const LayerData<float> data_{GetParam().spec, GetParam().batch, GetParam().length};
  const PackedWeights weights_ = kernel_.pack(data_.w, data_.b);

  std::vector<float> with(int threads, Executor* executor = nullptr) const {
    RunOptions options;
    options.threads = threads;
    options.executor = executor;
    return run(kernel_, weights_, data_, options);
  }
};

TEST_P(CutLayers, HaveTheSameBitsOnAnyNumberOfThreads) {
  const std::vector<float> alone = with(1);
  EXPECT_TRUE(equals_strict_chain_at(data_, alone, 300, 1)) << describe(kernel_, data_);
  for (const int threads : {0, 2, 3, 5, 16}) EXPECT_TRUE(same_bits(with(threads), alone)) << threads << " threads";
}

TEST_P(CutLayers, HaveTheSameBitsOnACallersExecutor) {
  const std::vector<float> alone = with(1);
  Backwards backwards;
  Threads threads;
  EXPECT_TRUE(same_bits(with(4, &backwards), alone));
  EXPECT_TRUE(same_bits(with(4, &threads), alone));
  EXPECT_EQ(backwards.calls, 1);
  EXPECT_EQ(threads.calls, 1);
}

TEST_P(CutLayers, HaveTheSameBitsInABatchAndOneByOne) {
  const LayerData<float> batch(GetParam().spec, 3, GetParam().length);
  const PackedWeights weights = kernel_.pack(batch.w, batch.b);
  const std::vector<float> together = run(kernel_, weights, batch);
  std::vector<float> one_by_one;
  for (std::int64_t n = 0; n < batch.batch; ++n) {
    LayerData<float> one(GetParam().spec, 1, GetParam().length);
    const std::int64_t elements = std::ssize(one.x);
    std::copy_n(batch.x.begin() + n * elements, elements, one.x.begin());
    const std::vector<float> y = run(kernel_, weights, one);
    one_by_one.insert(one_by_one.end(), y.begin(), y.end());
  }
  EXPECT_TRUE(same_bits(together, one_by_one));
}

INSTANTIATE_TEST_SUITE_P(Threads, CutLayers, ::testing::ValuesIn(cuts()), [](const auto& c) { return c.param.name; });

// Chunks of a stream overlap by what an output can see of its inputs; inside, chunks and the whole agree.
TEST(Chunks, OfAStreamHaveTheBitsOfTheWhole) {
  const LayerSpec spec = layer(12, 10, 16, 8);
  const std::int64_t whole_length = 500, chunk = 60, reach = 1, stride = spec.stride;
  const Kernel kernel = engine().compile(spec);
  const LayerData<float> whole(spec, 1, whole_length);
  const std::vector<float> y = run(kernel, whole);
  const std::int64_t row = kernel.output_length(whole_length), chunk_row = kernel.output_length(chunk + reach);
  for (std::int64_t first = reach; first + chunk <= whole_length; first += chunk) {
    LayerData<float> part(spec, 1, chunk + reach);
    part.w = whole.w;
    part.b = whole.b;
    for (std::int64_t ci = 0; ci < spec.in_channels; ++ci)
      std::copy_n(whole.x.begin() + ci * whole_length + first - reach, chunk + reach,
                  part.x.begin() + ci * (chunk + reach));
    const std::vector<float> got = run(kernel, part);
    for (std::int64_t co = 0; co < spec.out_channels; ++co)
      for (std::int64_t o = reach * stride; o < (chunk + reach) * stride; ++o)
        ASSERT_TRUE(same_bits(got[static_cast<std::size_t>(co * chunk_row + o)],
                              y[static_cast<std::size_t>(co * row + (first - reach) * stride + o)]))
            << "chunk at " << first << ", y[" << co << "," << o << "]";
  }
}

}  // namespace
}  // namespace unstride::testing
