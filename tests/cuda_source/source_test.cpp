// Sources of kernels: byte for byte what they were, and what they promise whatever the layer.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "codegen/plan/gpu_planner.h"
#include "tests/cuda_source/golden_sources.h"

namespace unstride::cuda::testing {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(CudaSource, IsTheGoldenOne) {
  for (const GoldenSource& golden : golden_sources())
    EXPECT_EQ(golden.text(), contents(fmt::format("{}/{}.txt", GOLDEN_FOLDER, golden.name)))
        << "if that is meant, run make_cuda_golden (tests/cuda_source/CMakeLists.txt)";
}

TEST(CudaSource, GoldenPlansAreLegal) {
  for (const GoldenSource& golden : golden_sources()) {
    const plan::GpuProblem problem(parse_spec(golden.spec), *plan::gpu_target(golden.target));
    EXPECT_NO_THROW(plan::choose_gpu_plan(problem, golden.plan)) << golden.name;
  }
}

TEST(CudaSource, SaysWhatItIsFor) {
  for (const GoldenSource& golden : golden_sources()) {
    const std::string text = golden.text();
    EXPECT_EQ(text.find("// layer   " + to_json(parse_spec(golden.spec))), 0u);
    EXPECT_NE(text.find("// target  " + golden.target), text.npos);
    for (const plan::GpuTile& tile : plan::parse_gpu_plan(golden.plan).tiles)
      EXPECT_NE(text.find("// plan    " + plan::to_string(tile)), text.npos);
  }
}

TEST(CudaSource, HasAFunctionForEachTile) {
  for (const GoldenSource& golden : golden_sources()) {
    const std::size_t tiles = plan::parse_gpu_plan(golden.plan).tiles.size();
    const std::string text = golden.text();
    for (std::size_t i = 0; i <= tiles; ++i)
      EXPECT_EQ(text.find(fmt::format(" {}(", kernel_symbol(i))) != text.npos, i < tiles) << golden.name << " " << i;
  }
}

// Decimal fractions would be rounded on the way.
TEST(CudaSource, SlopesAreExact) {
  const std::string text = golden_sources().front().text();
  EXPECT_NE(text.find(".negative_slope = 0x1.999999999999ap-4"), text.npos) << text;
}

TEST(CudaSource, IncludesOneOfTheHeaders) {
  for (const GoldenSource& golden : golden_sources()) {
    const std::string text = golden.text();
    const bool found = std::ranges::any_of(headers(), [&](const Header& h) {
      return text.find("#include \"" + std::string(h.name) + "\"\n") != text.npos;
    });
    EXPECT_TRUE(found) << golden.name;
  }
}

}  // namespace
}  // namespace unstride::cuda::testing
