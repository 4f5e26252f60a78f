// What the engine asks of a compiler for one kind of device. There is one for CPUs and one for NVIDIA GPUs; Engine
// knows no other details.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cache/layered_cache.h"
#include "runtime/environment.h"
#include "runtime/tuning/record.h"
#include "runtime/tuning/subject.h"
#include "unstride/engine.hpp"

namespace unstride {

namespace cuda {
class Libraries;
}

/// Arguments of Kernel::run, checked: the sizes fit, pitches are filled in.
struct CheckedRun {
  ConstBuffer x;
  const PackedWeights::Impl& weights;
  Buffer y;
  std::int64_t batch = 0, input_length = 0, output_length = 0;
  std::int64_t input_pitch = 0, output_pitch = 0;
  int threads = 1;
  Executor* executor = nullptr;
  void* stream = nullptr;
  Workspace workspace = {};
};

struct Kernel::Impl {
  LayerSpec spec;
  CompileInfo info;
  std::string layout;  ///< names the arrangement of weights that this kernel reads
  int default_threads = 1;

  virtual ~Impl() = default;
  virtual PackedWeights pack(ConstBuffer weight, ConstBuffer bias) const = 0;
  virtual void run(const CheckedRun& run) const = 0;
  virtual std::int64_t workspace_bytes(std::int64_t /*batch*/, std::int64_t /*output_length*/) const { return 0; }
};

struct PackedWeights::Impl {
  std::string layout;  ///< of the kernel that packed them; a kernel refuses others
  std::int64_t non_finite = 0;

  virtual ~Impl() = default;
};

/// Counts for EngineStatistics, from any thread.
struct Counters {
  std::atomic<std::int64_t> compilations = 0, hits = 0, misses = 0, reused = 0;
};

/// What every back end is given: it outlives them.
struct BackendContext {
  cache::LayeredCache& cache;
  Counters& counters;
};

/// One layer at one length, ready to be tuned, and what it is called on disk.
struct Tunable {
  tuning::Unit unit;
  std::unique_ptr<tuning::Subject> subject;
};

struct TunableOptions {
  std::string target = "cpu";
  std::int64_t length = 0;
  bool cold = false;
};

/// What compile() looks for in the cache, and why it would use that plan.
struct PlannedKey {
  cache::Key key;
  CompileInfo info;  ///< target and plan alone
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::shared_ptr<const Kernel::Impl> compile(const LayerSpec& spec, const CompileOptions& options) = 0;
  virtual CompileInfo precompile(const LayerSpec& spec, const CompileOptions& options, BundleBuilder* bundle) = 0;
  virtual PlannedKey key(const LayerSpec& spec, const CompileOptions& options) = 0;
  virtual std::string emit(const LayerSpec& spec, Emit what, const CompileOptions& options) = 0;
  /// What it calls its targets, without looking at the machine.
  virtual std::vector<std::string> target_names() const = 0;
  virtual std::vector<TargetInfo> targets() = 0;
  /// What tuning measures. Throws TargetError where plans cannot be measured.
  virtual Tunable tunable(const LayerSpec& spec, const TunableOptions& options);
  /// Processors that measuring keeps busy, of an engine with so many threads; the others may compile meanwhile.
  virtual int measuring_processors(int threads) const { return threads; }
  /// There are new measurements in the cache folder.
  virtual void reload_tuned_plans() {}
};

inline Tunable Backend::tunable(const LayerSpec&, const TunableOptions& options) {
  throw TargetError("target: " + options.target + ": plans for it are not tuned");
}

/// With `threads` threads of its own. Null in a build without LLVM.
std::unique_ptr<Backend> make_cpu_backend(int threads, BackendContext context);
/// Null in a build without CUDA. The libraries are opened when they are first needed.
std::unique_ptr<Backend> make_cuda_backend(std::shared_ptr<cuda::Libraries> libraries, BackendContext context);
/// Null in a build without CUDA.
std::shared_ptr<cuda::Libraries> make_cuda_libraries(const Environment& environment);
/// What `threads` = 0 stands for.
int default_threads();

}  // namespace unstride
