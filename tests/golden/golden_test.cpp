// The operator as PyTorch computes it (make_golden.py): golden.json holds layers and its float32 results.
//
// Two chains of n rounded operations in any order, each within gamma_n * (sum |x||w| + |b|) of the exact value
// (tools/support/oracle.h), are within twice that of each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

nlohmann::json golden_cases() {
  std::ifstream file(UNSTRIDE_GOLDEN);
  return nlohmann::json::parse(file);
}

// sum |x||w| + |b| of every output. |x| is after the prologue, which makes no input larger than it was.
std::vector<double> magnitudes(const LayerData<float>& data, std::int64_t output_length) {
  LayerSpec spec = data.spec;
  spec.prologue = spec.epilogue = {};
  LayerData<double> absolute(spec, data.batch, data.length);
  const auto magnitude = [](float value) { return std::fabs(static_cast<double>(value)); };
  std::ranges::transform(data.x, absolute.x.begin(), magnitude);
  std::ranges::transform(data.w, absolute.w.begin(), magnitude);
  std::ranges::transform(data.b, absolute.b.begin(), magnitude);
  return absolute.oracle().outputs(output_length);
}

double relative_bound(const LayerSpec& spec) {
  const std::int64_t tap_step = spec.stride / std::gcd(spec.stride, spec.dilation);
  const std::int64_t taps = (spec.kernel_size - 1) / tap_step + 1;  // of the longest phase
  const double n = static_cast<double>(spec.in_channels / spec.groups * taps + 4);
  const double u = 0x1p-24;
  return 2 * n * u / (1 - n * u);
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, ResultsOfPyTorchAreWithinTheErrorBound) {
  UNSTRIDE_SKIP_UNLESS_RUNNABLE(GetParam());
  const nlohmann::json cases = golden_cases();
  ASSERT_GE(cases.size(), 25u);
  for (const nlohmann::json& c : cases) {
    const LayerSpec spec = parse_spec(c["spec"].dump());
    const LayerData<float> data(spec, c["batch"], c["length"], c["seed"].get<std::uint64_t>());
    const Kernel kernel = engine().compile(spec, {.target = GetParam(), .plan = {}});
    SCOPED_TRACE(describe(kernel, data));
    const std::int64_t row = c["output_length"];
    ASSERT_EQ(kernel.output_length(data.length), row);
    const std::vector<float> expected = c["y"].get<std::vector<float>>(), y = run(kernel, data);
    ASSERT_EQ(y.size(), expected.size());
    const std::vector<double> magnitude = magnitudes(data, row);
    for (std::size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], expected[i], relative_bound(spec) * magnitude[i]) << "element " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(PyTorch, Golden, ::testing::ValuesIn(instruction_sets),
                         [](const auto& c) { return std::string("v") + c.param.back(); });

}  // namespace
}  // namespace unstride::testing
