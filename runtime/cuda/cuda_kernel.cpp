#include "runtime/cuda/cuda_kernel.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>

#include "codegen/cuda/source.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// Shared memory depends on the tile alone.
std::vector<FunctionRequest> requests_of(const plan::GpuProblem& problem, const plan::GpuPlan& plan) {
  std::vector<FunctionRequest> requests;
  for (std::size_t k = 0; k < plan.tiles.size(); ++k)
    requests.push_back({kernel_symbol(k), plan::launch_of(problem, plan.tiles[k], 1, 1).shared_bytes});
  return requests;
}

}  // namespace

DeviceWeights::DeviceWeights(const std::shared_ptr<const Device>& device, const std::vector<PackedLayer>& packed)
    : biases(device, std::ssize(packed.front().biases)), non_finite(packed.front().non_finite) {
  for (const PackedLayer& layer : packed) {
    auto memory = std::make_unique<DeviceMemory>(device, std::ssize(layer.weights));
    memory->copy_from(layer.weights.data(), memory->bytes());
    weights.push_back(std::move(memory));
  }
  biases.copy_from(packed.front().biases.data(), biases.bytes());
}

plan::GpuProblem as_chosen_by(plan::GpuProblem problem, const DeviceProperties& device) {
  if (problem.spec.math == Math::strict) {
    problem.target.multiprocessors = device.multiprocessors;
    problem.target.l2_bytes = device.l2_bytes;
  }
  return problem;
}

CudaKernel::CudaKernel(const plan::GpuProblem& problem, plan::GpuPlan plan, std::shared_ptr<const Device> device,
                       const std::string& code)
    : problem_(as_chosen_by(problem, device->properties())),
      plan_(std::move(plan)),
      layouts_(weight_layouts(problem_, plan_)),
      module_(std::move(device), code, requests_of(problem_, plan_)) {}

std::shared_ptr<const DeviceWeights> CudaKernel::pack(const void* weight, const void* bias) const {
  module_.device().require_host_memory("weight", weight);
  if (bias) module_.device().require_host_memory("bias", bias);
  std::vector<PackedLayer> packed;
  for (const std::size_t tile : layouts_.first_tile)
    packed.push_back(pack_weights(problem_, {{plan_.tiles[tile]}}, weight, bias));
  return std::make_shared<const DeviceWeights>(module_.shared_device(), packed);
}

CudaKernel::Call CudaKernel::call(std::int64_t batch, std::int64_t columns) const {
  const std::size_t variant = plan::variant_for(problem_, plan_, batch, columns);
  return {variant, plan::launch_of(problem_, plan_.tiles[variant], batch, columns)};
}

std::int64_t CudaKernel::workspace_bytes(std::int64_t batch, std::int64_t output_length) const {
  return call(batch, gpu::columns_of(problem_.layer, output_length)).launch.workspace_bytes;
}

void CudaKernel::require_workspace(const RunArguments& run, std::int64_t bytes) const {
  constexpr std::uintptr_t alignment = 16;
  const auto refuse = [&](std::string_view what) {
    throw ArgumentError(fmt::format(
        "workspace: {}; this call needs {} bytes of the device's memory, aligned to {}, that were zero before their "
        "first use (Kernel::workspace_bytes, RunOptions::workspace)",
        what, bytes, alignment));
  };
  if (!run.workspace) refuse("is null");
  if (run.workspace_bytes < bytes) refuse(fmt::format("{} bytes are too few", run.workspace_bytes));
  if (reinterpret_cast<std::uintptr_t>(run.workspace) % alignment != 0)
    refuse(fmt::format("{} is not aligned", run.workspace));
  module_.device().require_reachable("workspace", run.workspace);
}

void CudaKernel::run(const RunArguments& run) const {
  module_.device().require_reachable("x", run.x);
  module_.device().require_reachable("y", run.y);

  const std::int64_t columns = gpu::columns_of(problem_.layer, run.output_length);
  const auto [variant, launch] = call(run.batch, columns);
  if (launch.blocks == 0) return;
  if (launch.workspace_bytes > 0) require_workspace(run, launch.workspace_bytes);
  if (launch.blocks > std::numeric_limits<int>::max())
    throw ArgumentError(fmt::format("batch: {}: of {} outputs each needs {} blocks; a launch has at most {}", run.batch,
                                    run.output_length, launch.blocks, std::numeric_limits<int>::max()));
  const gpu::Arguments arguments{.x = run.x,
                                 .weights = run.weights.weights[layouts_.of_tile[variant]]->data(),
                                 .bias = run.weights.biases.data(),
                                 .y = run.y,
                                 .workspace = run.workspace,
                                 .batch = run.batch,
                                 .input_length = run.input_length,
                                 .output_length = run.output_length,
                                 .input_pitch = run.x_pitch,
                                 .output_pitch = run.y_pitch,
                                 .columns = columns};
  module_.launch(variant,
                 {.grid = {static_cast<unsigned>(launch.blocks), 1, 1},
                  .threads = static_cast<unsigned>(launch.threads),
                  .shared_bytes = static_cast<unsigned>(launch.shared_bytes)},
                 &arguments, run.stream);
}

}  // namespace unstride::cuda
