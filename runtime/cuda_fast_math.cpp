#ifdef UNSTRIDE_WITH_CUDA

#include "runtime/cuda_fast_math.h"

#include "codegen/plan/gpu_planner.h"
#include "runtime/cuda/cuda_kernel.h"
#include "runtime/cuda/stream.h"

namespace unstride {

namespace {

// By a strict kernel in float64, whose own errors do not matter.
std::vector<double> outputs(const plan::GpuTarget& target, const WideLayer& layer, std::int64_t length,
                            CompiledCubins& code, const std::shared_ptr<const cuda::Device>& device) {
  const plan::GpuProblem problem(layer.spec, target);
  const plan::GpuPlan plan = plan::choose_gpu_plan(problem).plan;
  const cuda::CudaKernel kernel(problem, plan, device, *code.get(problem, plan));
  const auto weights = kernel.pack(layer.w.data(), layer.spec.bias ? layer.b.data() : nullptr);
  const std::int64_t row = output_length(layer.spec, length);
  std::vector<double> y(static_cast<std::size_t>(layer.spec.out_channels * row));
  const auto bytes = [](const std::vector<double>& values) {
    return std::ssize(values) * static_cast<std::int64_t>(sizeof(double));
  };
  cuda::DeviceMemory x_on_device(device, bytes(layer.x)), y_on_device(device, bytes(y));
  x_on_device.copy_from(layer.x.data(), bytes(layer.x));
  const cuda::Stream stream(device);
  kernel.run({.x = x_on_device.data(),
              .weights = *weights,
              .y = y_on_device.data(),
              .batch = 1,
              .input_length = length,
              .output_length = row,
              .x_pitch = length,
              .y_pitch = row,
              .stream = stream.handle()});
  stream.synchronize();
  y_on_device.copy_to(y.data(), bytes(y));
  return y;
}

// What rounding an operand, or an input after its prologue, costs; the least that an output can be off by.
struct Losses {
  double operands, prologue, least;
};

Losses losses_of(DType dtype) {
  switch (dtype) {
    case DType::bfloat16:
      return {0, 0x1p-8, 0x1p-133};
    case DType::float16:
      return {0, 0x1p-11, 0x1p-24};
    default:
      return {0x1p-10 + 0x1p-22, 0, 0x1p-100};
  }
}

}  // namespace

std::unique_ptr<const FastMathBound> cuda_fast_math_bound(const plan::GpuProblem& problem, CompiledCubins& code,
                                                          const std::shared_ptr<const cuda::Device>& device,
                                                          const void* x, const void* parameters, std::int64_t length) {
  const LayerSpec& spec = problem.spec;
  const Losses losses = losses_of(spec.dtype);
  const double m = static_cast<double>(problem.polyphase.max_taps() * spec.in_channels_per_group()) + 20;
  const bool leaky = spec.prologue.op == Activation::Op::leaky_relu;
  const WideLayer layer = widened(spec, x, parameters, length);
  return std::make_unique<const FastMathBound>(
      FastMathBound{.spec = spec,
                    .relative = m * 0x1p-22 + losses.operands + (leaky ? losses.prologue : 0),
                    .rounding = rounding_of(spec.dtype),
                    .least = losses.least,
                    .reference = outputs(problem.target, layer, length, code, device),
                    .magnitude = outputs(problem.target, magnitudes(layer), length, code, device)});
}

}  // namespace unstride

#endif
