// The clocks that a device runs at, for the record. They are never set.
#pragma once

#include <string>

#include "runtime/cuda/device.h"
#include "runtime/cuda/library_search.h"

namespace unstride::cuda {

/// "SM 1980 MHz, memory 3201 MHz" as the driver has them: the typical, and the peak. "unknown" for what it does not
/// say.
std::string nominal_clocks(const DeviceProperties& device);

class Clocks {
 public:
  /// Of a machine without NVML nothing is known.
  Clocks(const LibraryPlaces& places, const DeviceProperties& device);
  ~Clocks();
  Clocks(const Clocks&) = delete;
  Clocks& operator=(const Clocks&) = delete;

  /// As they are now: "SM 1755 MHz, memory 3201 MHz". "unknown" for what cannot be read.
  std::string now() const;

 private:
  std::string text_of(int clock) const;

  // Of NVML: nvmlShutdown and nvmlDeviceGetClockInfo. Null where it did not start.
  int (*shut_down_)() = nullptr;
  int (*read_)(void* device, int clock, unsigned* megahertz) = nullptr;
  void* device_ = nullptr;
};

}  // namespace unstride::cuda
