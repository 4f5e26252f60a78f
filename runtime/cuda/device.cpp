#include "runtime/cuda/device.h"

#include <fmt/format.h>

#include <array>

#include "runtime/cuda/driver_api.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// CUdevice_attribute.
enum Attribute : int {
  multiprocessor_count = 16,
  l2_cache_size = 38,
  capability_major = 75,
  capability_minor = 76,
  shared_bytes_per_multiprocessor = 81,
  registers_per_multiprocessor = 82,
  pageable_memory_access = 88,
  shared_bytes_per_block_opt_in = 97,
};

constexpr int pointer_memory_type = 2;  // CU_POINTER_ATTRIBUTE_MEMORY_TYPE

int attribute(const DriverApi& api, Attribute which, int device) {
  int value = 0;
  api.check(api.device_attribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

DeviceProperties properties_of(const DriverApi& api, int index) {
  int device = 0;
  api.check(api.device_get(&device, index), "cuDeviceGet");
  std::array<char, 256> name{};
  api.check(api.device_name(name.data(), static_cast<int>(name.size()) - 1, device), "cuDeviceGetName");
  std::size_t memory = 0;
  api.check(api.device_memory(&memory, device), "cuDeviceTotalMem");
  return {.index = index,
          .name = name.data(),
          .major = attribute(api, capability_major, device),
          .minor = attribute(api, capability_minor, device),
          .multiprocessors = attribute(api, multiprocessor_count, device),
          .shared_bytes_per_block = attribute(api, shared_bytes_per_block_opt_in, device),
          .shared_bytes_per_multiprocessor = attribute(api, shared_bytes_per_multiprocessor, device),
          .registers_per_multiprocessor = attribute(api, registers_per_multiprocessor, device),
          .l2_bytes = attribute(api, l2_cache_size, device),
          .memory_bytes = static_cast<std::int64_t>(memory)};
}

// The driver's handles for addresses are numbers.
DevicePointer number(const void* pointer) {
  return reinterpret_cast<DevicePointer>(pointer);
}

}  // namespace

Driver::Driver(const LibraryPlaces& places) : api_(std::make_shared<DriverApi>(places)) {
  const DriverResult started = api_->init(0);
  if (started != driver_success && started != driver_no_device)
    throw TargetError(
        fmt::format("target: cuda: the driver {} does not start: {}", api_->library.path(), api_->describe(started)));
  api_->check(api_->driver_version(&version_), "cuDriverGetVersion");
  if (started == driver_no_device) return;
  int count = 0;
  api_->check(api_->device_count(&count), "cuDeviceGetCount");
  for (int index = 0; index < count; ++index) devices_.push_back(properties_of(*api_, index));
}

std::string Driver::version() const {
  return fmt::format("{}.{}", version_ / 1000, version_ % 1000 / 10);
}

const std::string& Driver::path() const noexcept {
  return api_->library.path();
}

std::shared_ptr<const Device> Driver::device(int index) const {
  if (index < 0 || index >= std::ssize(devices_)) {
    if (devices_.empty())
      throw TargetError(
          fmt::format("device: {}: the driver {} finds no GPU; compiling works for an architecture that "
                      "is named, as in cuda:sm_90a",
                      index, path()));
    throw TargetError(fmt::format("device: {}: must be 0 to {}: this machine has {} CUDA device{}", index,
                                  devices_.size() - 1, devices_.size(), devices_.size() == 1 ? "" : "s"));
  }
  return std::make_shared<Device>(api_, devices_[static_cast<std::size_t>(index)]);
}

Device::Device(std::shared_ptr<const DriverApi> api, DeviceProperties properties)
    : api_(std::move(api)), properties_(std::move(properties)) {
  api_->check(api_->device_get(&handle_, properties_.index), "cuDeviceGet");
  reads_host_memory_ = attribute(*api_, pageable_memory_access, handle_) != 0;
  ContextHandle context = nullptr;
  api_->check(api_->context_retain(&context, handle_), "cuDevicePrimaryCtxRetain");
  context_ = context;
}

Device::~Device() {
  api_->context_release(handle_);
}

bool Device::can_read(const void* pointer) const {
  if (reads_host_memory_) return true;
  unsigned type = 0;
  return api_->pointer_attribute(&type, pointer_memory_type, number(pointer)) == driver_success && type != 0;
}

Device::Current::Current(const Device& device) : api_(device.api()) {
  ContextHandle current = nullptr;
  api_.check(api_.context_current(&current), "cuCtxGetCurrent");
  if (current == device.context_) return;
  api_.check(api_.context_push(static_cast<ContextHandle>(device.context_)), "cuCtxPushCurrent");
  is_pushed_ = true;
}

Device::Current::~Current() {
  ContextHandle ignored = nullptr;
  if (is_pushed_) api_.context_pop(&ignored);
}

DeviceMemory::DeviceMemory(std::shared_ptr<const Device> device, std::int64_t bytes)
    : device_(std::move(device)), bytes_(bytes) {
  if (bytes == 0) return;
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  DevicePointer address = 0;
  if (const DriverResult result = api.allocate(&address, static_cast<std::size_t>(bytes)); result != driver_success)
    throw Error(fmt::format("cuda: {} bytes on device {} ({}): {}", bytes, device_->properties().index,
                            device_->properties().name, api.describe(result)));
  data_ = reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
}

DeviceMemory::~DeviceMemory() {
  if (!data_) return;
  try {
    const Device::Current current(*device_);
    device_->api().free(number(data_));
  } catch (const Error&) {  // the process ends and the driver is gone already: so is the memory
  }
}

void DeviceMemory::copy_from(const void* host, std::int64_t bytes, std::int64_t offset) {
  if (bytes == 0) return;
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  api.check(
      api.copy_to_device(number(data_) + static_cast<DevicePointer>(offset), host, static_cast<std::size_t>(bytes)),
      "cuMemcpyHtoD");
  // From pageable memory the call returns once all is staged. Streams that do not wait for the default one must not
  // come before the rest of the way.
  api.check(api.stream_synchronize(nullptr), "cuStreamSynchronize");
}

void DeviceMemory::copy_to(void* host, std::int64_t bytes, std::int64_t offset) const {
  if (bytes == 0) return;
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  api.check(api.copy_to_host(host, number(data_) + static_cast<DevicePointer>(offset), static_cast<std::size_t>(bytes)),
            "cuMemcpyDtoH");
}

}  // namespace unstride::cuda
