#include "runtime/cuda/cuda_kernel.h"

#include <fmt/format.h>

#include <limits>

#include "codegen/cuda/source.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// The target stands for a typical device of its architecture; variants are chosen for this one.
plan::GpuProblem on_device(plan::GpuProblem problem, const DeviceProperties& device) {
  problem.target.multiprocessors = device.multiprocessors;
  problem.target.l2_bytes = device.l2_bytes;
  return problem;
}

// Shared memory depends on the tile alone.
std::vector<FunctionRequest> requests_of(const plan::GpuProblem& problem, const plan::GpuPlan& plan) {
  std::vector<FunctionRequest> requests;
  for (std::size_t k = 0; k < plan.tiles.size(); ++k)
    requests.push_back({kernel_symbol(k), plan::launch_of(problem, plan.tiles[k], 1, 1).shared_bytes});
  return requests;
}

}  // namespace

DeviceWeights::DeviceWeights(const std::shared_ptr<const Device>& device, const PackedLayer& packed)
    : weights(device, std::ssize(packed.weights)),
      biases(device, std::ssize(packed.biases)),
      non_finite(packed.non_finite) {
  weights.copy_from(packed.weights.data(), weights.bytes());
  biases.copy_from(packed.biases.data(), biases.bytes());
}

CudaKernel::CudaKernel(const plan::GpuProblem& problem, plan::GpuPlan plan, std::shared_ptr<const Device> device,
                       const std::string& code)
    : problem_(on_device(problem, device->properties())),
      plan_(std::move(plan)),
      module_(std::move(device), code, requests_of(problem_, plan_)) {}

std::shared_ptr<const DeviceWeights> CudaKernel::pack(const void* weight, const void* bias) const {
  module_.device().require_host_memory("weight", weight);
  if (bias) module_.device().require_host_memory("bias", bias);
  return std::make_shared<const DeviceWeights>(module_.shared_device(), pack_weights(problem_, plan_, weight, bias));
}

void CudaKernel::run(const RunArguments& run) const {
  module_.device().require_reachable("x", run.x);
  module_.device().require_reachable("y", run.y);

  const std::int64_t columns = gpu::columns_of(problem_.layer, run.output_length);
  const std::size_t variant = plan::variant_for(problem_, plan_, run.batch, columns);
  const plan::GpuLaunch launch = plan::launch_of(problem_, plan_.tiles[variant], run.batch, columns);
  if (launch.blocks == 0) return;
  if (launch.workspace_bytes > 0)
    throw Error(fmt::format("cuda: plan \"{}\" needs {} bytes of workspace, which this version does not provide",
                            to_string(plan_), launch.workspace_bytes));
  if (launch.blocks > std::numeric_limits<int>::max())
    throw ArgumentError(fmt::format("batch: {}: of {} outputs each needs {} blocks; a launch has at most {}", run.batch,
                                    run.output_length, launch.blocks, std::numeric_limits<int>::max()));
  const gpu::Arguments arguments{.x = run.x,
                                 .weights = run.weights.weights.data(),
                                 .bias = run.weights.biases.data(),
                                 .y = run.y,
                                 .workspace = nullptr,
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
