// Kernels for a lower level than the machine has: right everywhere, and better than none where none may be compiled.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "engine_testing.h"

namespace unstride::testing {
namespace {

const std::string low = "cpu:x86-64-v3", high = "cpu:x86-64-v4";

bool runs(const std::string& target) {
  const std::vector<TargetInfo> targets = compiler().targets();
  const auto found = std::ranges::find(targets, target, &TargetInfo::name);
  return found != targets.end() && found->runs;
}

class LowerLevel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!runs(high)) GTEST_SKIP() << "this processor has no level above " << low;
    bundle_of({low});
  }

  void bundle_of(const std::vector<std::string>& targets) {
    const Engine engine = compiler();
    BundleBuilder builder;
    for (const LayerSpec& layer : layers)
      for (const std::string& target : targets) engine.precompile(layer, {.target = target}, &builder);
    builder.write(path);
  }

  static std::vector<float> outputs(const Kernel& kernel) {
    const LayerSpec& spec = kernel.spec();
    constexpr std::int64_t length = 37;
    const auto ramp = [](std::int64_t count) {
      std::vector<float> values(static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 23) / 7 - 1;
      return values;
    };
    std::vector<float> y(static_cast<std::size_t>(spec.out_channels * kernel.output_length(length)));
    kernel.run(ramp(spec.in_channels * length), kernel.pack(ramp(spec.weight_count()), ramp(spec.out_channels)), y,
               {.length = length});
    return y;
  }

  static bool is_for(const Kernel& kernel, const std::string& target) {
    return kernel.info().target.starts_with(target + " ");
  }

  TestFolder folder;
  std::vector<std::string> log;
  const std::string path = folder / "kernels.bundle";
  const std::vector<LayerSpec> layers = {small_layer(24), small_layer(5)};
};

TEST_F(LowerLevel, ServesUnderRequireAndIsSaidOnce) {
  const Engine engine = with_bundle(path, CacheMode::require, &log);
  for (const LayerSpec& layer : layers) {
    const Kernel kernel = engine.compile(layer);
    EXPECT_TRUE(is_for(kernel, low)) << kernel.info().target;
    EXPECT_EQ(kernel.info().cache, "hit");
    const std::vector<float> y = outputs(kernel), expected = outputs(compiler().compile(layer));
    ASSERT_EQ(y.size(), expected.size());
    EXPECT_EQ(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)), 0);
  }
  EXPECT_EQ(engine.statistics().compilations, 0);
  EXPECT_EQ(engine.statistics().hits, 2);
  ASSERT_EQ(log.size(), 1U);
  EXPECT_NE(log[0].find("no kernel for x86-64-v4"), std::string::npos) << log[0];
  EXPECT_NE(log[0].find("--target cpu:x86-64-v4"), std::string::npos) << log[0];
}

TEST_F(LowerLevel, IsExplainedAsItServes) {
  const std::string level = "x86-64-v3";
  const auto target_of = [](const CacheExplanation& explanation) {
    return std::ranges::find(explanation.fields, "target", &CacheField::label)->value;
  };
  const CacheExplanation serves = with_bundle(path, CacheMode::require, &log).explain(layers[0]);
  EXPECT_TRUE(serves.hit);
  EXPECT_EQ(serves.where, path);
  EXPECT_NE(target_of(serves).find(level), std::string::npos) << target_of(serves);
  // Elsewhere the machine would compile its own, so it is a miss.
  const CacheExplanation own = with_bundle(path, CacheMode::read_only, &log).explain(layers[0]);
  EXPECT_FALSE(own.hit);
  EXPECT_EQ(target_of(own).find(level), std::string::npos) << target_of(own);
  EXPECT_TRUE(log.empty());
}

TEST_F(LowerLevel, GivesWayToTheMachinesOwn) {
  bundle_of({low, high});
  const Engine engine = with_bundle(path, CacheMode::require, &log);
  const Kernel kernel = engine.compile(layers[0]);
  EXPECT_FALSE(is_for(kernel, low)) << kernel.info().target;
  EXPECT_TRUE(log.empty());
}

TEST_F(LowerLevel, IsNotWhatWasAskedForByName) {
  const Engine engine = with_bundle(path, CacheMode::require);
  EXPECT_TRUE(is_for(engine.compile(layers[0], {.target = low}), low));
  try {
    engine.compile(layers[0], {.target = high});
    FAIL() << "no error";
  } catch (const CacheMissError& error) {
    EXPECT_NE(std::string(error.what()).find("target"), std::string::npos) << error.what();
  }
}

TEST_F(LowerLevel, IsNotTakenWhereTheMachineMayCompileItsOwn) {
  for (const CacheMode mode : {CacheMode::read_only, CacheMode::off}) {
    const Engine engine = with_bundle(path, mode, &log);
    EXPECT_FALSE(is_for(engine.compile(layers[0]), low));
    EXPECT_EQ(engine.statistics().compilations, 1);
  }
  EXPECT_TRUE(log.empty());
}

TEST_F(LowerLevel, IsNoHelpForALayerThatIsNotThere) {
  const Engine engine = with_bundle(path, CacheMode::require);
  EXPECT_THROW(engine.compile(small_layer(77)), CacheMissError);
}

}  // namespace
}  // namespace unstride::testing
