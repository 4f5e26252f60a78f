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
#include "unstride/element.hpp"

namespace unstride {

namespace {

struct Parts {
  std::vector<double> x, w, b;
};

template <typename T>
double widened(T value) {
  if constexpr (sizeof(T) == 2)
    return static_cast<double>(static_cast<float>(value));
  else
    return static_cast<double>(value);
}

Parts read(const LayerSpec& spec, const void* x, const void* parameters, std::int64_t length) {
  Parts parts;
  with_element(spec.dtype, [&](auto element) {
    using T = decltype(element);
    const auto copy = [](const T* from, std::int64_t count) {
      std::vector<double> to(static_cast<std::size_t>(count));
      for (std::int64_t i = 0; i < count; ++i) to[static_cast<std::size_t>(i)] = widened(from[i]);
      return to;
    };
    const T* w = static_cast<const T*>(parameters);
    parts.x = copy(static_cast<const T*>(x), spec.in_channels * length);
    parts.w = copy(w, spec.weight_count());
    if (spec.bias) parts.b = copy(w + spec.weight_count(), spec.out_channels);
  });
  return parts;
}

// The layer's outputs by a strict kernel in float64, whose own errors do not matter.
std::vector<double> strict(const plan::CpuProblem& problem, LayerSpec spec, const Parts& parts, std::int64_t length) {
  spec.math = Math::strict;
  spec.dtype = DType::float64;
  plan::CpuTarget target = problem.target;
  target.level = target.base_cpu;
  target.features.clear();
  target.matrix_unit = false;
  const plan::CpuProblem exact(spec, target);
  const plan::KernelPlan plan = plan::choose_plan(exact).plan;
  cpu::Jit jit;
  const cpu::CpuKernel kernel(exact, plan,
                              jit.load(cpu::compile(exact, plan, cpu::Output::object), plan.variants.size()));
  const cpu::PackedWeightSets weights = kernel.pack(parts.w.data(), spec.bias ? parts.b.data() : nullptr);
  const std::int64_t out = output_length(spec, length);
  std::vector<double> y(static_cast<std::size_t>(spec.out_channels * out));
  kernel.run({.x = parts.x.data(),
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

double prologue(const Activation& activation, double v) {
  switch (activation.op) {
    case Activation::Op::relu:
      return v > 0 ? v : 0;
    case Activation::Op::leaky_relu:
      return v > 0 ? v : v * activation.negative_slope;
    case Activation::Op::none:
      break;
  }
  return v;
}

// Roundings behind an output, in products of parts (docs/spec.md) or in one chain, whichever has more.
double roundings(const plan::CpuProblem& problem) {
  const double taps = static_cast<double>(problem.polyphase.max_taps());
  const double products = static_cast<double>(plan::bfloat16_parts(problem.spec.dtype).products.size());
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
    : spec_(problem.spec) {
  const double unit = spec_.dtype == DType::float64 ? 0x1p-53 : 0x1p-24;
  const double m = roundings(problem);
  relative_ = m * unit / (1 - m * unit) * (1 + 0x1p-6) + left_out(spec_);
  if (spec_.dtype == DType::float16) rounding_ = 0x1p-11;
  if (spec_.dtype == DType::bfloat16) rounding_ = 0x1p-8;

  Parts parts = read(spec_, x, parameters, length);
  reference_ = strict(problem, spec_, parts, length);
  for (double& v : parts.x) v = std::abs(prologue(spec_.prologue, v));
  for (double& v : parts.w) v = std::abs(v);
  for (double& v : parts.b) v = std::abs(v);
  LayerSpec plain = spec_;
  plain.prologue = plain.epilogue = {};
  magnitude_ = strict(problem, plain, parts, length);
}

std::string FastMathCheck::check(const std::byte* y) const {
  return with_element(spec_.dtype, [&](auto element) -> std::string {
    using T = decltype(element);
    const T* values = reinterpret_cast<const T*>(y);
    const double slope =
        spec_.epilogue.op == Activation::Op::leaky_relu ? std::max(1.0, std::abs(spec_.epilogue.negative_slope)) : 1.0;
    for (std::size_t i = 0; i < reference_.size(); ++i) {
      const double value = widened(values[i]);
      const double allowed = relative_ * slope * magnitude_[i] +
                             rounding_ * (std::abs(reference_[i]) + magnitude_[i] * relative_) + 0x1p-100;
      if (!(std::abs(value - reference_[i]) <= allowed))
        return fmt::format("output {} is {}, not {} within {:.3g}", i, value, reference_[i], allowed);
    }
    return {};
  });
}

}  // namespace unstride

#endif
