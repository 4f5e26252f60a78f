#include "runtime/fast_math_check.h"

#ifdef UNSTRIDE_WITH_LLVM

#include <fmt/format.h>

#include <cmath>

#include "codegen/cpu/compile.h"
#include "codegen/plan/bfloat16_parts.h"
#include "codegen/plan/cpu_planner.h"
#include "runtime/cpu/cpu_kernel.h"
#include "runtime/cpu/jit.h"
#include "support/checked_math.h"

namespace unstride {

namespace {

// By a strict kernel in float64, whose own errors do not matter.
std::vector<double> outputs(const plan::CpuProblem& problem, const WideLayer& layer, std::int64_t length) {
  const LayerSpec& spec = layer.spec;
  plan::CpuTarget target = problem.target;
  target.level = target.base_cpu;
  target.features.clear();
  target.matrix_unit = false;
  const plan::CpuProblem exact(spec, target);
  const plan::KernelPlan plan = plan::choose_plan(exact).plan;
  cpu::Jit jit;
  const cpu::CpuKernel kernel(exact, plan,
                              jit.load(cpu::compile(exact, plan, cpu::Output::object), plan.variants.size()));
  const cpu::PackedWeightSets weights = kernel.pack(layer.w.data(), spec.bias ? layer.b.data() : nullptr);
  const std::int64_t out = output_length(spec, length);
  std::vector<double> y(static_cast<std::size_t>(spec.out_channels * out));
  kernel.run({.x = layer.x.data(),
              .weights = weights,
              .y = y.data(),
              .batch = 1,
              .input_length = length,
              .output_length = out,
              .x_pitch = length,
              .y_pitch = out,
              .threads = 1});
  return y;
}

// Roundings behind an output, in products of parts (docs/spec.md) or in one chain, whichever has more.
double roundings(const plan::CpuProblem& problem) {
  const double taps = static_cast<double>(problem.polyphase.max_taps());
  double products = 1;
  for (const plan::Bfloat16Parts& way : plan::bfloat16_parts(problem.spec.dtype))
    products = std::max(products, static_cast<double>(way.products.size()));
  const auto steps = static_cast<double>(support::ceil_div(problem.in_channels(), 32));
  return std::max(products * taps * steps, static_cast<double>(problem.in_channels()) * taps) + 23;
}

double left_out(const LayerSpec& spec) {
  const bool rounded = spec.prologue.op == Activation::Op::leaky_relu;
  switch (spec.dtype) {
    case DType::bfloat16:
      return rounded ? 0x1p-8 : 0;
    case DType::float16:
      return 0x1p-16 + (rounded ? 0x1p-17 : 0);
    case DType::float32:
      return 0x1p-17 + 0x1p-24;
    case DType::float64:
      break;
  }
  return 0;
}

}  // namespace

FastMathCheck::FastMathCheck(const plan::CpuProblem& problem, const void* x, const void* parameters,
                             std::int64_t length)
    : bound_{.spec = problem.spec} {
  const DType dtype = problem.spec.dtype;
  const double unit = dtype == DType::float64 ? 0x1p-53 : 0x1p-24;
  const double m = roundings(problem);
  bound_.relative = m * unit / (1 - m * unit) * (1 + 0x1p-6) + left_out(problem.spec);
  bound_.rounding = rounding_of(dtype);
  const WideLayer layer = widened(problem.spec, x, parameters, length);
  bound_.reference = outputs(problem, layer, length);
  bound_.magnitude = outputs(problem, magnitudes(layer), length);
}

std::string FastMathCheck::check(const std::byte* y) const {
  return bound_.check(y);
}

}  // namespace unstride

#endif
