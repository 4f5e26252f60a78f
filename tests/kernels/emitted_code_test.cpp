// The machine code of the tiles: the loop that does the work holds the multiply-adds that were planned, and keeps all
// its sums in registers. A spill would halve the speed without changing a result.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "codegen/cpu/compile.h"
#include "codegen/cpu/targets.h"
#include "codegen/plan/cpu_planner.h"
#include "tests/kernels/assembly.h"
#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

struct HotLoopCase {
  std::string name;
  LayerSpec spec;

  friend std::ostream& operator<<(std::ostream& out, const HotLoopCase& c) { return out << c.name; }
};

std::vector<HotLoopCase> cases() {
  std::vector<HotLoopCase> cases = {
      {"hifigan_first", layer(512, 256, 16, 8)}, {"hifigan_last", layer(64, 32, 4, 2)},
      {"ragged_phases", layer(48, 96, 7, 3)},    {"odd_stride", layer(256, 128, 10, 5)},
      {"istft", layer(1026, 1, 1024, 256)},      {"float64", layer(128, 64, 8, 4)},
      {"depthwise", layer(64, 64, 4, 2)},        {"dilated", layer(32, 32, 5, 2)},
      {"one_channel", layer(32, 1, 8, 4)},       {"pointwise", layer(256, 256, 1, 1)},
      {"float16", layer(64, 32, 4, 2)},          {"bfloat16", layer(256, 64, 16, 8)},
  };
  cases[5].spec.dtype = DType::float64;
  cases[6].spec.groups = 64;
  cases[7].spec.dilation = 3;
  cases[10].spec.dtype = DType::float16;
  cases[11].spec.dtype = DType::bfloat16;
  return cases;
}

// FMA instructions of the innermost loop of one tile function: those of all taps where they are unrolled, else of one.
std::int64_t planned_fmas(const plan::CpuProblem& problem, const plan::CpuPlan& plan, const TileFunction& tile) {
  const std::int64_t vectors_of_columns = tile.columns / problem.lanes;
  const plan::CpuGeometry geometry(problem, plan);
  for (const plan::RowRun& run : geometry.weights.runs) {
    if (run.phases != tile.phases || run.taps != tile.taps) continue;
    if (std::holds_alternative<plan::RowLanes>(plan.tile))
      return run.rows / problem.lanes * tile.columns * (run.taps <= plan.unrolled_taps ? run.taps : 1);
    if (plan.strategy() == plan::Depthwise::name) return vectors_of_columns * problem.spec.kernel_size;
    // The last tap may be one that only some phases have: it stands outside the loop over taps.
    const std::int64_t common = problem.polyphase.taps(problem.polyphase.phases() - 1);
    return run.channels * vectors_of_columns *
           (common <= plan.unrolled_taps ? problem.spec.kernel_size : problem.polyphase.phases());
  }
  ADD_FAILURE() << "no row run for " << tile.name;
  return 0;
}

void check(const plan::CpuProblem& problem, const plan::CpuPlan& plan) {
  const std::string assembly = cpu::compile(problem, plan, cpu::Output::assembly);
  const std::vector<TileFunction> tiles = tile_functions(assembly, std::string(plan.strategy()));
  EXPECT_FALSE(tiles.empty()) << assembly;
  for (const TileFunction& tile : tiles) {
    const HotLoop loop = hottest_innermost_loop(tile);
    EXPECT_EQ(loop.fmas, planned_fmas(problem, plan, tile)) << tile.name << " of \"" << to_string(plan) << "\"";
    EXPECT_EQ(loop.stack_operands, 0) << tile.name << " of \"" << to_string(plan) << "\": " << loop.example;
  }
}

using Parameters = std::tuple<std::string, HotLoopCase>;
class HotLoops : public ::testing::TestWithParam<Parameters> {
 protected:
  const plan::CpuProblem problem_{std::get<1>(GetParam()).spec, cpu::target(std::get<0>(GetParam()))};
};

TEST_P(HotLoops, OfEachStrategysBestPlanHoldThePlannedMultiplyAddsAndNoStackTraffic) {
  for (const plan::CpuStrategy* strategy : plan::cpu_strategies())
    if (!strategy->enumerate(problem_).empty()) {
      for (const plan::Variant& variant : plan::choose_plan(problem_, strategy->name).plan.variants)
        check(problem_, variant.plan);
    }
}

// The instructions of fast math can be emitted on any machine.
TEST(Bfloat16DotHotLoops, HoldThePlannedProductsAndNoStackTraffic) {
  for (LayerSpec spec : {layer(512, 256, 16, 8), layer(257, 128, 10, 5), layer(128, 64, 7, 3), layer(64, 32, 4, 2)}) {
    spec.dtype = DType::bfloat16;
    spec.math = Math::fast;
    const plan::CpuProblem problem(spec, cpu::target("cpu:x86-64-v4+avx512-bf16", Math::fast));
    for (const plan::Variant& variant : plan::choose_plan(problem, "row_pairs").plan.variants)
      check(problem, variant.plan);
  }
}

TEST(MatrixUnitHotLoops, HoldThePlannedProductsAndNoVectorsOnTheStack) {
  const std::map<DType, std::int64_t> products = {{DType::bfloat16, 1}, {DType::float16, 3}, {DType::float32, 5}};
  const auto check_matrix_unit = [](const plan::CpuProblem& problem, const plan::CpuPlan& plan, std::int64_t count) {
    const std::string assembly = cpu::compile(problem, plan, cpu::Output::assembly);
    const std::vector<TileFunction> tiles = tile_functions(assembly, "amx_tiles");
    EXPECT_FALSE(tiles.empty());
    const plan::CpuGeometry geometry(problem, plan);
    for (const TileFunction& tile : tiles) {
      const auto run = std::ranges::find(geometry.weights.runs, tile.taps, &plan::RowRun::taps);
      ASSERT_NE(run, geometry.weights.runs.end()) << tile.name;
      const HotLoop loop = hottest_innermost_loop(tile);
      EXPECT_EQ(loop.fmas,
                run->rows / 16 * (tile.columns / 16) * count * (tile.taps <= plan.unrolled_taps ? tile.taps : 1))
          << tile.name;
      // An address may: it is one load among the hundreds that matrices take.
      EXPECT_EQ(loop.stack_vectors, 0) << tile.name << ": " << loop.example;
    }
  };
  for (const auto& [dtype, count] : products)
    for (LayerSpec spec : {layer(512, 256, 16, 8), layer(256, 128, 10, 5), layer(128, 64, 24, 3)}) {
      spec.dtype = dtype;
      spec.math = Math::fast;
      const plan::CpuProblem problem(spec, cpu::target("cpu:x86-64-v4+amx-bf16", Math::fast));
      plan::CpuPlan plan = plan::choose_plan(problem, "amx_tiles").plan.general();
      for (const plan::Bfloat16Parts& parts : plan::bfloat16_parts(dtype)) {
        std::get<plan::AmxTiles>(plan.tile).input_parts = parts.inputs;
        check_matrix_unit(problem, plan, count);
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Assembly, HotLoops,
                         ::testing::Combine(::testing::ValuesIn(instruction_sets), ::testing::ValuesIn(cases())),
                         [](const auto& c) {
                           return std::string("v") + std::get<0>(c.param).back() + "_" + std::get<1>(c.param).name;
                         });

}  // namespace
}  // namespace unstride::testing
