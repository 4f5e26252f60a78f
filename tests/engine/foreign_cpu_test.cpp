// On another processor. The linker puts `chosen_features` in front of LLVM's question what this one has (--wrap in
// CMakeLists.txt), so that a machine without AVX-512, or without AVX2, is had anywhere.
#include <gtest/gtest.h>
#include <llvm/ADT/StringMap.h>

#include <string>
#include <vector>

#include "engine_testing.h"

#define HOST_FEATURES "_ZN4llvm3sys18getHostCPUFeaturesEv"
llvm::StringMap<bool> chosen_features() __asm__("__wrap_" HOST_FEATURES);
llvm::StringMap<bool> real_features() __asm__("__real_" HOST_FEATURES);

namespace {

std::vector<std::string> absent;  // what the processor is said to lack

}  // namespace

llvm::StringMap<bool> chosen_features() {
  llvm::StringMap<bool> features = real_features();
  for (const std::string& feature : absent) features[feature] = false;
  return features;
}

namespace unstride::testing {
namespace {

class ForeignCpu : public ::testing::Test {
 protected:
  void SetUp() override {
    const Engine engine = compiler();
    for (const char* level : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
      BundleBuilder builder;
      engine.precompile(spec, {.target = level}, &builder);
      builder.write(path_of(level));
    }
  }
  void TearDown() override { absent.clear(); }

  std::string path_of(const std::string& level) const { return folder / level.substr(4); }

  // All that the error says.
  template <typename Exception>
  static std::string error_of(const Engine& engine, const std::string& target) {
    try {
      engine.compile(spec, {.target = target});
    } catch (const Exception& error) {
      return error.what();
    }
    ADD_FAILURE() << target << ": no error";
    return {};
  }

  inline static const LayerSpec spec = small_layer();
  TestFolder folder;
};

TEST_F(ForeignCpu, WithoutAvx512TakesTheKernelOfItsOwnLevel) {
  absent = {"avx512f"};
  std::vector<std::string> log;
  const Engine engine = with_bundle(path_of("cpu:x86-64-v3"), CacheMode::require, &log);
  EXPECT_NE(engine.compile(spec).info().target.find("x86-64-v3"), std::string::npos);
  EXPECT_EQ(engine.statistics().compilations, 0);
  EXPECT_TRUE(log.empty());  // nothing better would run here
}

TEST_F(ForeignCpu, WithoutAvx512NeverLoadsAKernelThatNeedsIt) {
  for (const char* feature : {"avx512f", "avx512vl", "avx512dq", "avx512bw", "avx512cd"}) {
    absent = {feature};
    const Engine engine = with_bundle(path_of("cpu:x86-64-v4"), CacheMode::require);
    const std::string error = error_of<TargetError>(engine, "cpu:x86-64-v4");
    EXPECT_NE(error.find(std::string("this processor lacks ") + feature), std::string::npos) << error;
    // Nor by itself: "cpu" is what runs here, and the miss names the target that is there.
    const std::string miss = error_of<CacheMissError>(engine, "cpu");
    EXPECT_NE(miss.find("x86-64-v4"), std::string::npos) << miss;
    EXPECT_EQ(engine.statistics().hits, 0);
  }
}

TEST_F(ForeignCpu, WithoutAvx2RunsNothingAndSaysWhy) {
  absent = {"avx512f", "avx2"};
  for (const char* level : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
    const Engine engine = with_bundle(path_of(level), CacheMode::require);
    for (const std::string& target : {std::string("cpu"), std::string(level)}) {
      const std::string error = error_of<TargetError>(engine, target);
      EXPECT_NE(error.find("this processor lacks "), std::string::npos) << error;
      EXPECT_NE(error.find("avx2"), std::string::npos) << error;
    }
  }
}

TEST_F(ForeignCpu, StillCompilesForEveryLevel) {
  absent = {"avx512f", "avx2", "fma"};
  BundleBuilder builder;
  for (const char* level : {"cpu:x86-64-v3", "cpu:x86-64-v4"}) {
    compiler().precompile(spec, {.target = level}, &builder);
    builder.write(folder / "again");
    builder = BundleBuilder();
    EXPECT_EQ(read_file(folder / "again"), read_file(path_of(level)));
  }
}

}  // namespace
}  // namespace unstride::testing
