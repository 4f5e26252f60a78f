// Whatever plan tuning may pick: every candidate that the planner enumerates gives the same bits.
#include <gtest/gtest.h>

#include "codegen/cpu/targets.h"
#include "codegen/plan/cpu_planner.h"
#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

class Candidates : public ::testing::TestWithParam<std::string> {
 protected:
  template <typename T>
  void check(const LayerSpec& spec, std::int64_t length) {
    const LayerData<T> data(spec, 1, length);
    const std::vector<T> expected = data.oracle().outputs(data.oracle().output_length());
    const auto candidates = plan::choose_plan({spec, cpu::target(GetParam())}).candidates;
    EXPECT_GT(candidates.size(), 10u);
    for (const plan::Candidate& candidate : candidates) {
      const Kernel kernel = engine().compile(spec, {.target = GetParam(), .plan = to_string(candidate.plan)});
      ASSERT_TRUE(same_bits(run(kernel, data), expected)) << describe(kernel, data);
    }
  }
};

TEST_P(Candidates, AllGiveTheSameBits) {
  UNSTRIDE_SKIP_UNLESS_RUNNABLE(GetParam());
  check<float>(layer(9, 20, 16, 8), 50);  // two taps in every phase
  check<float>(layer(4, 7, 7, 2), 150);   // some phases have a tap more
  LayerSpec dilated = layer(3, 5, 4, 3);
  dilated.dilation = 2;
  dilated.dtype = DType::float64;
  check<double>(dilated, 90);
  LayerSpec depthwise = layer(6, 6, 4, 2);
  depthwise.groups = 6;
  check<float>(depthwise, 300);
  check<float>(layer(5, 1, 24, 6), 100);  // one output channel
  LayerSpec half = layer(6, 10, 8, 4);
  half.dtype = DType::bfloat16;
  check<BFloat16>(half, 120);
}

INSTANTIATE_TEST_SUITE_P(Plans, Candidates, ::testing::ValuesIn(instruction_sets),
                         [](const auto& c) { return std::string("v") + c.param.back(); });

}  // namespace
}  // namespace unstride::testing
