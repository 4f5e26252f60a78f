// One layer at one length, to be tuned on a GPU.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "codegen/plan/gpu_strategy.h"
#include "runtime/cuda/clocks.h"
#include "runtime/cuda/device.h"
#include "runtime/tuning/record.h"
#include "runtime/tuning/subject.h"

namespace unstride {

/// Code of plans that are being tuned: the lengths of a layer share it, and it may be made ahead of its use. It does
/// not go to the cache, which is for kernels that are used.
class CompiledCubins {
 public:
  using Compile = std::function<std::string(const plan::GpuProblem&, const plan::GpuPlan&)>;

  /// compile: called from several threads at once.
  explicit CompiledCubins(Compile compile) : compile_(std::move(compile)) {}
  /// From any thread. Throws CompileError.
  std::shared_ptr<const std::string> get(const plan::GpuProblem& problem, const plan::GpuPlan& plan);
  void clear();

 private:
  static constexpr std::size_t most = 1024;  // some hundred kilobytes each

  Compile compile_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const std::string>> code_;
};

struct CudaSubjectOptions {
  std::int64_t length = 0;
  bool cold = false;
  int builders = 1;  ///< threads that compile at once
};

/// The default is the tile of `model` that computes a call of this length on this device. Memory for x, y and the
/// packed weights of each contender is taken on the device as needed. Throws SpecError when there is no such output,
/// TargetError for a driver without CUDA graphs.
std::unique_ptr<tuning::Subject> make_cuda_subject(const plan::GpuProblem& problem, const plan::GpuPlan& model,
                                                   CompiledCubins& code, std::shared_ptr<const cuda::Device> device,
                                                   std::shared_ptr<const cuda::Clocks> clocks,
                                                   const CudaSubjectOptions& options);

/// What times of kernels depend on: the device, of which null is none that the target's code runs on, and the compiler.
tuning::Environment cuda_environment(const cuda::DeviceProperties* device, const std::string& compiler);

}  // namespace unstride
