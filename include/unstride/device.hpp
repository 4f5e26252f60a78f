// NVIDIA GPUs, for programs that have no CUDA library of their own: what there is, memory, a stream. Others pass the
// pointers and streams that they have.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unstride/engine.hpp"

namespace unstride {

struct DeviceInfo {
  int index = 0;      ///< as CompileOptions::device takes it
  std::string error;  ///< of a device that does not answer: then nothing below is known
  std::string name;
  std::string target;  ///< what "cuda" stands for on it: "cuda:sm_90a"; empty when this version has no code for it
  int multiprocessors = 0;
  std::int64_t memory_bytes = 0;
};

/// The two libraries of NVIDIA's and what they found. Where one is missing, its error says what was looked for and how
/// to get it.
struct CudaInfo {
  std::string nvrtc_version, nvrtc_path, nvrtc_error;
  std::string driver_version, driver_path, driver_error;
  std::vector<DeviceInfo> devices;
};

/// Throws TargetError in a build without CUDA.
UNSTRIDE_API CudaInfo cuda_info(const Engine& engine);

/// Memory of a device, in the primary context that the CUDA runtime uses too. Free when the last copy is gone.
class UNSTRIDE_API DeviceArray {
 public:
  DeviceArray() = default;
  /// Not initialised. Throws TargetError without such a device, Error without so much memory.
  DeviceArray(const Engine& engine, std::int64_t bytes, int device = 0);

  void* data() const noexcept;
  std::int64_t bytes() const noexcept;
  /// From and to host memory, from the beginning. Return when the copy is done; upload does not wait for work on
  /// streams that uses the memory, and download only for that of the default stream.
  void upload(const void* host, std::int64_t count) const;
  void download(void* host, std::int64_t count) const;
  /// Makes all bytes zero. Returns when that is done, as upload does.
  void clear() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// A stream of a device. It does not wait for the default stream, nor the default stream for it.
class UNSTRIDE_API DeviceStream {
 public:
  explicit DeviceStream(const Engine& engine, int device = 0);

  void* handle() const noexcept;  ///< as RunOptions::stream takes it: a CUstream
  /// Waits for all that was put on it.
  void synchronize() const;
  /// The device's time, in milliseconds, between the beginning and the end of what `work` puts on the stream. Waits.
  double time_ms(const std::function<void()>& work) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace unstride
