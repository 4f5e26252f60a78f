// A new length or batch size never compiles. The linker puts `counted_compile` in front of unstride::cpu::compile, the
// only way to machine code (--wrap in CMakeLists.txt), so that every use of the compiler is counted.
#include <gtest/gtest.h>

#include <atomic>

#include "codegen/cpu/compile.h"
#include "tests/kernels/kernel_testing.h"

namespace unstride::cpu {
namespace {

std::atomic<int> compilations = 0;

}  // namespace

#define UNSTRIDE_COMPILE "_ZN8unstride3cpu7compileB5cxx11ERKNS_4plan10CpuProblemERKNS1_7CpuPlanENS0_6OutputE"
std::string counted_compile(const plan::CpuProblem& problem, const plan::CpuPlan& plan,
                            Output output) __asm__("__wrap_" UNSTRIDE_COMPILE);
std::string real_compile(const plan::CpuProblem& problem, const plan::CpuPlan& plan,
                         Output output) __asm__("__real_" UNSTRIDE_COMPILE);

std::string counted_compile(const plan::CpuProblem& problem, const plan::CpuPlan& plan, Output output) {
  ++compilations;
  return real_compile(problem, plan, output);
}

}  // namespace unstride::cpu

namespace unstride::testing {
namespace {

TEST(Compilations, AreOneForALayerAndNoneForNewLengthsBatchesAndThreads) {
  const LayerSpec spec = layer(16, 24, 16, 8);
  const LayerData<float> parameters(spec, 0, 1);
  cpu::compilations = 0;
  const Kernel kernel = engine().compile(spec);
  EXPECT_EQ(cpu::compilations, 1);
  const PackedWeights weights = kernel.pack(parameters.w, parameters.b);
  for (const std::int64_t length : {1, 2, 3, 7, 16, 33, 100, 1000, 1023, 5000})
    for (const std::int64_t batch : {1, 3}) {
      LayerData<float> data(spec, batch, length);
      data.w = parameters.w;
      data.b = parameters.b;
      RunOptions options;
      options.threads = static_cast<int>(batch);
      EXPECT_TRUE(equals_strict_chain_at(data, run(kernel, weights, data, options), 50, 1)) << describe(kernel, data);
    }
  EXPECT_EQ(cpu::compilations, 1);
}

}  // namespace
}  // namespace unstride::testing
