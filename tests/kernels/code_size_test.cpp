// Code size and compile time do not grow with the kernel size, the channels or the stride: those are loops.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

double object_size(const LayerSpec& spec, const char* target, const char* strategy) {
  return static_cast<double>(engine().emit(spec, Emit::object, {.target = target, .plan = strategy}).size());
}

double compile_milliseconds(const LayerSpec& spec) {
  double fastest = 1e9;
  for (int i = 0; i < 5; ++i) fastest = std::min(fastest, engine().compile(spec).info().compile_ms);
  return fastest;
}

TEST(CodeSize, DoesNotGrowWithKernelSizeAndStride) {
  for (const std::string& target : instruction_sets) {
    const double small = object_size(layer(256, 1, 64, 16), target.c_str(), "row_lanes");
    const double large = object_size(layer(256, 1, 1024, 256), target.c_str(), "row_lanes");
    EXPECT_LT(large, 1.5 * small) << target;
  }
}

TEST(CodeSize, DoesNotGrowWithTheNumberOfTaps) {
  for (const std::string& target : instruction_sets)
    for (const char* strategy : {"row_lanes", "column_lanes"}) {
      const double small = object_size(layer(16, 16, 64, 2), target.c_str(), strategy);
      const double large = object_size(layer(16, 16, 8192, 2), target.c_str(), strategy);
      EXPECT_LT(large, 1.5 * small) << target << " " << strategy;
    }
}

TEST(CodeSize, DoesNotGrowWithTheChannels) {
  for (const std::string& target : instruction_sets)
    for (const char* strategy : {"row_lanes", "column_lanes"}) {
      const double small = object_size(layer(64, 64, 16, 8), target.c_str(), strategy);
      EXPECT_LT(object_size(layer(4096, 64, 16, 8), target.c_str(), strategy), 1.5 * small)
          << target << " " << strategy;
      EXPECT_LT(object_size(layer(64, 4096, 16, 8), target.c_str(), strategy), 1.5 * small)
          << target << " " << strategy;
    }
}

TEST(CompileTime, DoesNotGrowWithKernelSizeStrideAndChannels) {
  const double small = compile_milliseconds(layer(64, 64, 64, 16));
  EXPECT_LT(compile_milliseconds(layer(64, 64, 1024, 256)), 4 * small);
  EXPECT_LT(compile_milliseconds(layer(4096, 4096, 64, 16)), 4 * small);
  EXPECT_LT(compile_milliseconds(layer(1, 1, 10'000, 1000)), 4 * small);
}

}  // namespace
}  // namespace unstride::testing
