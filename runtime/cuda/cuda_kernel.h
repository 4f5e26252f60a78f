// A kernel on a device: its layer, plan and code, and how it runs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "codegen/plan/gpu_strategy.h"
#include "runtime/cuda/module.h"
#include "runtime/cuda/pack_weights.h"

namespace unstride::cuda {

/// A layer's weights and biases on a device, in the orders that the tiles of a plan read.
struct DeviceWeights {
  /// packed: for each layout of weight_layouts(); at least one.
  DeviceWeights(const std::shared_ptr<const Device>& device, const std::vector<PackedLayer>& packed);
  std::vector<std::unique_ptr<const DeviceMemory>> weights;  ///< by layout
  DeviceMemory biases;
  std::int64_t non_finite;
};

/// The problem by whose numbers calls choose their variant. Of strict math all give the same bits: those of the device
/// that is there. Of fast math they do not: the target's own, so that results are the same on every device of it.
plan::GpuProblem as_chosen_by(plan::GpuProblem problem, const DeviceProperties& device);

/// Arguments of one run, already checked against the layer. x and y are memory of the device, pitches in elements.
struct RunArguments {
  const void* x = nullptr;
  const DeviceWeights& weights;
  void* y = nullptr;
  std::int64_t batch = 0, input_length = 0, output_length = 0;
  std::int64_t x_pitch = 0, y_pitch = 0;
  void* stream = nullptr;
  void* workspace = nullptr;  ///< zeros, or as the run before left it
  std::int64_t workspace_bytes = 0;
};

class CudaKernel {
 public:
  /// Throws CompileError when the driver does not take the code.
  CudaKernel(const plan::GpuProblem& problem, plan::GpuPlan plan, std::shared_ptr<const Device> device,
             const std::string& code);

  /// From host memory; throws ArgumentError for a device's.
  std::shared_ptr<const DeviceWeights> pack(const void* weight, const void* bias) const;

  /// Of a call with outputs.
  std::int64_t workspace_bytes(std::int64_t batch, std::int64_t output_length) const;

  /// Puts one launch on the stream. Neither allocates nor waits. Throws ArgumentError where x, y or the workspace is
  /// not memory that the device can reach, and for a workspace that will not do.
  void run(const RunArguments& arguments) const;

 private:
  struct Call {
    std::size_t variant = 0;
    plan::GpuLaunch launch;
  };
  Call call(std::int64_t batch, std::int64_t columns) const;
  void require_workspace(const RunArguments& run, std::int64_t bytes) const;

  plan::GpuProblem problem_;
  plan::GpuPlan plan_;
  plan::WeightLayouts layouts_;
  Module module_;
};

}  // namespace unstride::cuda
