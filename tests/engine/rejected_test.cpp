// Objects from the cache that the linker does not take. With the static layers, to plant them.
#include <gtest/gtest.h>

#include "cache/bundle.h"
#include "engine_testing.h"

namespace unstride::testing {
namespace {

class RejectedObject : public ::testing::Test {
 protected:
  RejectedObject() {
    std::vector<cache::Field> fields;
    for (const CacheField& field : compiler().explain(spec).fields) fields.push_back({field.label, field.value});
    cache::BundleWriter writer;
    writer.add(cache::Key(fields), {.notes = {}, .payload = "no object"});
    writer.write(bundle);
  }

  Engine engine(CacheMode mode = CacheMode::read_write) {
    return Engine({.threads = 1,
                   .cache = {.mode = mode,
                             .directory = folder / "cache",
                             .bundles = std::vector{bundle},
                             .log = [this](const std::string& line) { log.push_back(line); }}});
  }

  TestFolder folder;
  const LayerSpec spec = small_layer();
  const std::string bundle = folder / "kernels.bundle";
  std::vector<std::string> log;
};

TEST_F(RejectedObject, OfABundleIsCompiledAgainByTheFirstProcessAlone) {
  const Engine first = engine();
  EXPECT_EQ(first.compile(spec).info().cache, "miss");
  EXPECT_EQ(first.statistics().compilations, 1);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_NE(log[0].find("was rejected and is not used"), std::string::npos) << log[0];

  const Engine second = engine();
  const CompileInfo info = second.compile(spec).info();
  EXPECT_EQ(info.cache, "hit");
  EXPECT_EQ(info.cache_where, folder / "cache");
  EXPECT_EQ(second.statistics().compilations, 0);
  EXPECT_EQ(log.size(), 1u);
}

TEST_F(RejectedObject, UnderRequireIsAnError) {
  EXPECT_THROW(engine(CacheMode::require).compile(spec), CompileError);
  EXPECT_EQ(engine().statistics().compilations, 0);
}

}  // namespace
}  // namespace unstride::testing
