// The driver and its devices. A device is used through its primary context, the one that the CUDA runtime and the
// frameworks built on it use too: memory and streams of theirs can be passed to a kernel as they are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/library_search.h"

namespace unstride::cuda {

struct DriverApi;
class Device;

struct DeviceProperties {
  int index = 0;
  std::string error = {};  ///< of a device that does not answer: then nothing below is known
  std::string name = {};
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::int64_t shared_bytes_per_block = 0;  ///< with cuFuncSetAttribute
  std::int64_t shared_bytes_per_multiprocessor = 0;
  std::int64_t registers_per_multiprocessor = 0;
  std::int64_t l2_bytes = 0;
  std::int64_t memory_bytes = 0;
  int clock_khz = 0, memory_clock_khz = 0;  ///< typical and peak, as the driver names them; 0: it does not say
  std::string bus_id = {};                  ///< "0000:1B:00.0"; empty: it does not say
};

class Driver {
 public:
  /// Throws TargetError when there is no driver, or one that does not work. It does so without any device, and with one
  /// that does not answer.
  explicit Driver(const LibraryPlaces& places);

  std::string version() const;  ///< the newest CUDA that it supports: "12.4"
  const std::string& path() const noexcept;
  /// All there are, in the driver's order.
  const std::vector<DeviceProperties>& devices() const noexcept { return devices_; }

  /// Its primary context is retained until the last copy of the pointer is gone. Throws TargetError for an index beyond
  /// the devices there are, and for a device that does not answer.
  std::shared_ptr<const Device> device(int index) const;

 private:
  std::shared_ptr<const DriverApi> api_;
  int version_ = 0;
  std::vector<DeviceProperties> devices_;
};

class Device {
 public:
  /// Throws TargetError when the device cannot be used.
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

  /// These throw ArgumentError that says what `name` points to instead. Each costs a call of the driver.
  ///
  /// The device's own memory, or memory that the driver shares between host and devices (managed, page-locked). Memory
  /// that the driver knows nothing of is refused also where the device could read it, as nothing tells it from garbage.
  void require_reachable(std::string_view name, const void* pointer) const;
  /// Anything that is not a device's own memory.
  void require_host_memory(std::string_view name, const void* pointer) const;

 private:
  /// What the driver knows of an address.
  enum class Place { unknown, shared, own, another };
  struct Location {
    Place place = Place::unknown;
    int device = 0;  ///< own, another
  };
  Location locate(const void* pointer) const;

  std::shared_ptr<const DriverApi> api_;
  DeviceProperties properties_;
  int handle_ = 0;
  void* context_ = nullptr;
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
  /// Makes all bytes zero; returns when that is done.
  void clear();
  void copy_to(void* host, std::int64_t bytes, std::int64_t offset = 0) const;
  /// Puts it on a stream: every byte becomes this one.
  void fill(unsigned char value, void* stream);

 private:
  std::shared_ptr<const Device> device_;
  void* data_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace unstride::cuda
