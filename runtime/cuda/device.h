// The driver and its devices. A device is used through its primary context, the one that the CUDA runtime and the
// frameworks built on it use too: memory and streams of theirs can be passed to a kernel as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/cuda/library_search.h"

namespace unstride::cuda {

struct DriverApi;
class Device;

struct DeviceProperties {
  int index = 0;
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::int64_t shared_bytes_per_block = 0;  ///< with cuFuncSetAttribute
  std::int64_t shared_bytes_per_multiprocessor = 0;
  std::int64_t registers_per_multiprocessor = 0;
  std::int64_t l2_bytes = 0;
  std::int64_t memory_bytes = 0;
};

class Driver {
 public:
  /// Throws TargetError when there is no driver, or one that does not work. Without any device it does.
  explicit Driver(const LibraryPlaces& places);

  std::string version() const;  ///< the newest CUDA that it supports: "12.4"
  const std::string& path() const noexcept;
  const std::vector<DeviceProperties>& devices() const noexcept { return devices_; }

  /// Its primary context is retained until the last copy of the pointer is gone. Throws TargetError for an index beyond
  /// the devices there are.
  std::shared_ptr<const Device> device(int index) const;

 private:
  std::shared_ptr<const DriverApi> api_;
  int version_ = 0;
  std::vector<DeviceProperties> devices_;
};

class Device {
 public:
  Device(std::shared_ptr<const DriverApi> api, DeviceProperties properties);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DriverApi& api() const noexcept { return *api_; }
  const DeviceProperties& properties() const noexcept { return properties_; }

  /// Makes the device's context current to the calling thread, and what was so before again at the end. Free where it
  /// is current already.
  class Current {
   public:
    explicit Current(const Device& device);
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    const DriverApi& api_;
    bool is_pushed_ = false;
  };

  /// True for memory that the device's code can reach. Costs a call of the driver.
  bool can_read(const void* pointer) const;

 private:
  std::shared_ptr<const DriverApi> api_;
  DeviceProperties properties_;
  int handle_ = 0;
  void* context_ = nullptr;
  bool reads_host_memory_ = false;
};

/// Memory of a device.
class DeviceMemory {
 public:
  DeviceMemory(std::shared_ptr<const Device> device, std::int64_t bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const noexcept { return data_; }
  std::int64_t bytes() const noexcept { return bytes_; }
  const std::shared_ptr<const Device>& device() const noexcept { return device_; }

  /// Both return when the copy is done, whatever stream uses the memory next; work on other streams that is under way
  /// is not waited for.
  void copy_from(const void* host, std::int64_t bytes, std::int64_t offset = 0);
  void copy_to(void* host, std::int64_t bytes, std::int64_t offset = 0) const;

 private:
  std::shared_ptr<const Device> device_;
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace unstride::cuda
