// Tuning on a GPU: plans are held to what they must compute and timed by the device's clock; kernels use what won.
#include <filesystem>

#include "tests/gpu/gpu_testing.h"

namespace unstride::testing {
namespace {

class GpuTune : public OnGpu {
 protected:
  GpuTune() { std::ignore = ::mkdtemp(root_.data()); }
  ~GpuTune() override { std::filesystem::remove_all(root_); }

  Engine engine() const { return Engine({.cache = {.mode = CacheMode::read_write, .directory = root_ + "/cache"}}); }

  void expect_tuned(const LayerSpec& spec, bool cold) {
    constexpr std::int64_t length = 300;
    std::filesystem::remove_all(root_ + "/cache");
    const TuneReport report = engine().tune(
        {{spec, {length}}}, {.target = "cuda", .budget_seconds = 120, .cold = cold, .most_candidates = 8});
    const TunedLength& result = report.results.at(0);
    ASSERT_EQ(result.error, "");
    EXPECT_TRUE(result.complete);
    for (const TunedTime& tried : result.tried) EXPECT_EQ(tried.outcome, "ok") << tried.plan << ": " << tried.reason;
    EXPECT_GT(result.chosen.median, 1e-7);
    EXPECT_LT(result.chosen.median, 1e-2);

    const Kernel tuned = engine().compile(spec, {.target = "cuda"});
    EXPECT_EQ(planned_by(tuned.info(), length), "exact");
    if (spec.math == Math::fast) return;
    for (const std::int64_t batch : {1, 3}) {
      const LayerData<float> data(spec, batch, length);
      EXPECT_TRUE(equals_strict_chain_at(data, GpuCall<float>(tuned, data)(), 2000, 1)) << describe(tuned, data);
    }
  }

  std::string root_ = (std::filesystem::temp_directory_path() / "unstride-gpu-XXXXXX").string();
};

TEST_F(GpuTune, PlansOfStrictMathAreRightMeasuredAndUsed) {
  expect_tuned(layer(64, 32, 4, 2), false);
  expect_tuned(layer(64, 32, 4, 2), true);
}

TEST_F(GpuTune, PlansOfFastMathAreWithinTheirBoundMeasuredAndUsed) {
  LayerSpec fast = layer(256, 128, 16, 8);
  fast.math = Math::fast;
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    fast.dtype = dtype;
    expect_tuned(fast, false);
  }
}

// What no plan of the model has beside each other: strategies, and orders of packed weights.
TEST_F(GpuTune, AKernelOfSeveralStrategiesGivesEachItsWeights) {
  LayerSpec depthwise = layer(48, 48, 3, 2);
  depthwise.groups = 48;
  const LayerData<float> data(depthwise, 2, 300);
  const auto first_tile = [&](const char* strategy) {
    return tiles_of(testing::engine().explain(depthwise, {.target = "cuda", .plan = strategy}).plan).front();
  };
  const std::vector<float> expected = GpuCall<float>(data, {.target = "cuda", .plan = first_tile("depthwise")})();
  for (const std::string& plan : {first_tile("ffma") + "; columns=1..1000000: " + first_tile("depthwise"),
                                  first_tile("depthwise") + "; columns=1..1000000: " + first_tile("ffma")})
    EXPECT_TRUE(same_bits(GpuCall<float>(data, {.target = "cuda", .plan = plan})(), expected)) << plan;
}

}  // namespace
}  // namespace unstride::testing
