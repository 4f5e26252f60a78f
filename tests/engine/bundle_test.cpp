// Bundles as users make and use them: filled from many threads, with the plans that they bring.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine_testing.h"

namespace unstride::testing {
namespace {

TEST(Bundles, AreFilledByManyThreadsAtOnce) {
  constexpr int layers = 24, threads = 6;
  const TestFolder folder;
  const Engine engine = compiler();
  BundleBuilder together, one_by_one;
  std::atomic<int> next = 0;
  {
    std::vector<std::jthread> workers;
    for (int t = 0; t < threads; ++t)
      workers.emplace_back([&] {
        for (int i = next++; i < layers; i = next++) {
          engine.precompile(small_layer(1 + i), {}, &together);
          EXPECT_GT(together.entries(), 0);
        }
      });
  }
  for (int i = 0; i < layers; ++i) engine.precompile(small_layer(1 + i), {}, &one_by_one);
  EXPECT_EQ(together.entries(), 2 * layers);  // kernels and plans
  together.write(folder / "together");
  one_by_one.write(folder / "one_by_one");
  EXPECT_EQ(read_file(folder / "together"), read_file(folder / "one_by_one"));
}

// A bundle whose plan is not the planner's.
class BundledPlan : public ::testing::Test {
 protected:
  BundledPlan() {
    const Engine engine = compiler();
    own_plan = engine.precompile(spec).plan;
    BundleBuilder builder;
    for (const char* strategy : {"row_lanes", "column_lanes"}) {
      other_plan = engine.precompile(spec, {.plan = strategy}).plan;
      if (other_plan != own_plan) break;
    }
    engine.precompile(spec, {.plan = other_plan}, &builder);
    builder.write(path);
  }

  TestFolder folder;
  const LayerSpec spec = small_layer();
  const std::string path = folder / "kernels.bundle";
  std::string own_plan, other_plan;
};

TEST_F(BundledPlan, IsTakenByCompile) {
  ASSERT_NE(own_plan, other_plan);
  const Engine engine = with_bundle(path, CacheMode::require);
  const CompileInfo info = engine.compile(spec).info();
  EXPECT_EQ(info.plan, other_plan);
  EXPECT_EQ(info.cache_where, path);
  EXPECT_EQ(engine.statistics().compilations, 0);
}

TEST_F(BundledPlan, IsTakenByEmit) {
  ASSERT_NE(own_plan, other_plan);
  const Engine engine = with_bundle(path, CacheMode::read_only);
  EXPECT_NE(engine.emit(spec, Emit::plan).find("plan        " + other_plan + "\n"), std::string::npos);
  EXPECT_NE(engine.emit(spec, Emit::plan).find("a bundle"), std::string::npos);
  EXPECT_EQ(engine.emit(spec, Emit::object), compiler().emit(spec, Emit::object, {.plan = other_plan}));
  EXPECT_EQ(engine.emit(spec, Emit::assembly), compiler().emit(spec, Emit::assembly, {.plan = other_plan}));
}

TEST_F(BundledPlan, GivesWayToAPlanThatIsDemanded) {
  const Engine engine = with_bundle(path, CacheMode::read_only);
  EXPECT_EQ(engine.compile(spec, {.plan = own_plan}).info().plan, own_plan);
  EXPECT_EQ(engine.emit(spec, Emit::object, {.plan = own_plan}),
            compiler().emit(spec, Emit::object, {.plan = own_plan}));
  EXPECT_EQ(engine.emit(spec, Emit::plan, {.plan = own_plan}).find("a bundle"), std::string::npos);
}

}  // namespace
}  // namespace unstride::testing
