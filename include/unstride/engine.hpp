// Compile a layer, pack its weights, run it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unstride/cache.hpp"
#include "unstride/element.hpp"
#include "unstride/executor.hpp"
#include "unstride/spec.hpp"
#include "unstride/tuning.hpp"

namespace unstride {

// NOLINTBEGIN(google-explicit-constructor): any contiguous elements are meant to convert.

/// Read-only elements and their type, in host memory or, for kernels of CUDA targets, in memory of the device. Spans
/// and vectors of float, double, Float16 or BFloat16 convert.
struct ConstBuffer {
  const void* data = nullptr;
  std::int64_t size = 0;  ///< in elements
  DType dtype = DType::float32;

  ConstBuffer() = default;
  /// For 16-bit elements that are held as another type of that size, and for memory of a device.
  ConstBuffer(const void* elements, std::int64_t count, DType type) : data(elements), size(count), dtype(type) {}
  template <Element T>
  ConstBuffer(std::span<const T> s) : ConstBuffer(s.data(), std::ssize(s), dtype_of<T>) {}
  template <Element T>
  ConstBuffer(std::span<T> s) : ConstBuffer(std::span<const T>(s)) {}
  template <Element T>
  ConstBuffer(const std::vector<T>& v) : ConstBuffer(std::span<const T>(v)) {}
};

/// Writable elements and their type, in host memory or in memory of a device.
struct Buffer {
  void* data = nullptr;
  std::int64_t size = 0;  ///< in elements
  DType dtype = DType::float32;

  Buffer(void* elements, std::int64_t count, DType type) : data(elements), size(count), dtype(type) {}
  template <Element T>
  Buffer(std::span<T> s) : Buffer(s.data(), std::ssize(s), dtype_of<T>) {}
  template <Element T>
  Buffer(std::vector<T>& v) : Buffer(std::span<T>(v)) {}
};

// NOLINTEND(google-explicit-constructor)

/// Memory that a run may use while it runs.
struct Workspace {
  void* data = nullptr;  ///< aligned to 16 bytes
  std::int64_t bytes = 0;
};

/// What a run needs beyond the layer. Pitches are the distance between neighbouring channels, in elements.
struct RunOptions {
  std::int64_t batch = 1;         ///< N >= 0
  std::int64_t length = 0;        ///< L >= 1
  std::int64_t input_pitch = 0;   ///< between channels of x; 0 means length (dense)
  std::int64_t output_pitch = 0;  ///< between channels of y; 0 means the output length (dense)
  std::int64_t output_size = 0;   ///< wanted output length; 0 means output_length(L) of the spec
  int threads = 0;                ///< at most this many threads; 0 means the engine's number
  Executor* executor = nullptr;   ///< the caller's threads; null means the engine's own
  /// CUDA targets: the CUstream (or cudaStream_t) to run on; null means the device's default stream.
  void* stream = nullptr;
  /// CUDA targets: memory of the device, Kernel::workspace_bytes of it or more; none where that is 0. All zeros before
  /// its first use (DeviceArray::clear), and again after a launch that failed. From then on it serves any calls of any
  /// kernels that run one after the other; calls on several streams, and graphs that run at once, need one each. CPU
  /// targets need none.
  Workspace workspace = {};
};

/// A layer's weights and bias, arranged for one kernel. Cheap to copy, safe to share.
class UNSTRIDE_API PackedWeights {
 public:
  PackedWeights() = default;
  /// How many weights and biases are infinite or not a number. Inputs beyond the ends count as +0, so such
  /// a weight reaches the borders of the output too.
  std::int64_t non_finite_count() const noexcept;

  struct Impl;
  explicit PackedWeights(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl* impl() const noexcept { return impl_.get(); }

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Calls that a measured plan computes.
struct TunedRange {
  std::int64_t length = 0;                 ///< that was measured
  std::int64_t shortest = 0, longest = 0;  ///< lengths that it decides
  std::string level;                       ///< of `length`: "exact", "nearest" or "shipped", as planned_by() says
  /// Not 0 for a GPU, where batch times columns decides: then all this is for a batch of one, and a call of `length`
  /// has so many columns.
  std::int64_t batch_columns = 0;
};

/// What one compilation cost and produced.
struct CompileInfo {
  std::string target;            ///< "cpu:x86-64-v4 (...)", "cuda:sm_90a (...)"
  std::string plan;              ///< the plan in the form that CompileOptions::plan accepts
  std::string cache;             ///< "hit", "miss" or "off"
  std::string cache_where = {};  ///< of a hit: the cache's directory or the bundle
  double compile_ms = 0;         ///< code generation by LLVM or NVRTC alone; 0 on a cache hit
  double load_ms = 0;            ///< the rest until it can be called: plan, key, look-up, loading the code
  std::int64_t code_bytes = 0;
  /// Who chose the plan: "given" (CompileOptions::plan), "bundle", "tuning" (for the ranges below) or "model".
  std::string plan_source = "model";
  std::vector<TunedRange> tuned = {};  ///< ascending; plans of all other lengths are the cost model's
};

/// Who chose the plan for calls of this length: "given"; "bundle"; "exact": it was measured at this length, on this
/// kind of processor, with this number of threads and by this version; "nearest": for this target, but at another
/// length or batch, or with another processor, threads or version; "shipped": by the makers of unstride; "model": it is
/// predicted to be the best.
UNSTRIDE_API std::string planned_by(const CompileInfo& info, std::int64_t length, std::int64_t batch = 1);

/// A compiled layer: any batch, any length. Cheap to copy, safe to share between threads.
class UNSTRIDE_API Kernel {
 public:
  Kernel() = default;
  const LayerSpec& spec() const;
  const CompileInfo& info() const;
  std::int64_t output_length(std::int64_t input_length) const;

  /// Arranges weights (in_channels, out_channels/groups, kernel_size) and bias (out_channels), both in host memory,
  /// also for a CUDA target, whose kernels bring them to their device. The bias is empty exactly when spec().bias is
  /// false. Throws ArgumentError on a wrong size or type, and, of a CUDA target, for memory of a device.
  PackedWeights pack(ConstBuffer weight, ConstBuffer bias = {}) const;

  /// What RunOptions::workspace must hold for such a call; output_size as in RunOptions. Above 0 only for fast math on
  /// a GPU, where a call is so small that several blocks share a sum. Throws as run() does.
  std::int64_t workspace_bytes(std::int64_t batch, std::int64_t length, std::int64_t output_size = 0) const;

  /// y = conv_transpose1d(x): x holds N*in_channels rows of L elements, y N*out_channels rows of
  /// output_length(L), or of options.output_size, which stands for another output_padding. Never compiles; allocates
  /// nothing once a thread's scratch memory has grown to the kernel's need. Throws ArgumentError (wrong size or type)
  /// or SpecError (no such length).
  ///
  /// Of a CUDA target: x and y are memory of the kernel's device (or managed or page-locked memory); the call puts one
  /// launch on options.stream and returns. It neither allocates nor waits, so a stream may be given that is being
  /// captured into a graph. The launch reads the kernel's code and the packed weights: a copy of the kernel and of the
  /// weights must live until the stream is done with it, and as long as any graph that captured it is still launched or
  /// running. threads and executor mean nothing there.
  void run(ConstBuffer x, const PackedWeights& weights, Buffer y, const RunOptions& options) const;

  struct Impl;
  explicit Kernel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  const Impl& impl() const;
  std::shared_ptr<const Impl> impl_;
};

struct EngineOptions {
  int threads = 0;  ///< threads for a run; 0 means one for each processor this process may use
  CacheOptions cache = {};
};

struct CompileOptions {
  /// "cpu" (this machine), "cpu:x86-64-v3" (AVX2 and FMA), "cpu:x86-64-v4" (AVX-512), "cpu:x86-64-v4+amx-bf16" and
  /// "cpu:x86-64-v4+avx512-bf16" (for fast math, with AMX or AVX512-BF16); "cuda" (the machine's NVIDIA GPU),
  /// "cuda:sm_90a" and others, "cuda:compute_80" and others (PTX, of which the driver of a later GPU makes its code),
  /// which `Engine::targets` lists.
  std::string target = "cpu";
  /// Forces a plan: a strategy's name, or the whole text of CompileInfo::plan. Empty: the planner chooses.
  std::string plan = {};
  /// CUDA targets: the device that the kernel is loaded on, and its weights, as the driver counts them.
  int device = 0;
};

/// What `Engine::emit` can produce for a layer.
/// CPU targets have a plan, LLVM IR, assembly and an object; CUDA targets a plan, CUDA C++, PTX and a cubin.
enum class Emit { plan, ir, assembly, object, cuda, ptx, cubin };

struct TargetInfo {
  std::string name;         ///< as CompileOptions::target takes it
  std::string description;  ///< vector width, features, or why it is not available
  bool compiles = false;    ///< this build can compile for it
  bool runs = false;        ///< and this machine can run what it compiled
};

/// The compiler and its threads. One per process is usual; safe to share between threads.
class UNSTRIDE_API Engine {
 public:
  explicit Engine(EngineOptions options = {});

  /// Takes the kernel from memory, from the cache, or compiles it. Threads and processes that ask for the same at once
  /// compile it once. Throws SpecError, TargetError, CompileError, or CacheMissError in mode require.
  Kernel compile(const LayerSpec& spec, const CompileOptions& options = {}) const;

  /// Brings the layer into the cache without loading it, for any target this build compiles for, also one that this
  /// machine cannot run; and into `bundle`, together with the plan that was chosen.
  CompileInfo precompile(const LayerSpec& spec, const CompileOptions& options = {},
                         BundleBuilder* bundle = nullptr) const;

  /// Whether compile() would find the layer in the cache, and if not, what differs. Compiles nothing.
  CacheExplanation explain(const LayerSpec& spec, const CompileOptions& options = {}) const;

  // The cache itself. Entries are named by their keys, as listed.
  std::vector<CacheEntry> cache_entries() const;
  CacheStats cache_stats() const;
  CacheCheck cache_check(bool remove_corrupt);                                 ///< reads every byte
  std::int64_t cache_prune(std::int64_t max_bytes, std::int64_t max_entries);  ///< to 80 % of these; entries removed
  std::int64_t cache_clear();                                                  ///< entries removed; bundles stay
  /// The payload of an entry: for CPUs a relocatable ELF object, for GPUs a cubin or PTX. Throws ArgumentError when
  /// there is no such key.
  std::string cache_extract(const std::string& key) const;

  EngineStatistics statistics() const;

  /// Measures the plans of each layer at each length, on the engine's threads, and keeps what it finds in the cache's
  /// folder, from where compile() takes it: kernels compiled from then on use it. Wants the machine for itself. Throws
  /// ArgumentError, SpecError, TargetError before any work, and Error when nothing can be kept; what happens to one
  /// layer is in the report.
  TuneReport tune(const std::vector<TuneRequest>& requests, const TuneOptions& options = {}) const;

  /// The chosen plan and its rivals (text), LLVM IR (text), assembly (text) or a relocatable object (bytes); for CUDA
  /// targets the source of the kernel (text), PTX (text) or a cubin (bytes), none of which needs a GPU.
  std::string emit(const LayerSpec& spec, Emit what, const CompileOptions& options = {}) const;

  /// What this build knows, and what of it this machine can do: looks for GPUs, which may take a while.
  std::vector<TargetInfo> targets() const;
  /// The names alone, without looking at the machine.
  std::vector<std::string> target_names() const;
  int threads() const noexcept;

  struct Impl;

 private:
  friend struct DeviceAccess;
  std::shared_ptr<Impl> impl_;
};

UNSTRIDE_API std::string_view version() noexcept;

}  // namespace unstride
