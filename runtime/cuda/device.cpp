#include "runtime/cuda/device.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "runtime/cuda/driver_api.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// CUdevice_attribute.
enum Attribute : int {
  clock_rate = 13,
  multiprocessor_count = 16,
  memory_clock_rate = 36,
  l2_cache_size = 38,
  capability_major = 75,
  capability_minor = 76,
  shared_bytes_per_multiprocessor = 81,
  registers_per_multiprocessor = 82,
  shared_bytes_per_block_opt_in = 97,
};

// CUpointer_attribute.
enum PointerAttribute : int { pointer_memory_type = 2, pointer_is_managed = 8, pointer_device_ordinal = 9 };

// CUmemorytype; 0 is what the driver knows nothing of.
enum MemoryType : unsigned { unknown_memory = 0, device_memory = 2 };

int attribute(const DriverApi& api, Attribute which, int device) {
  int value = 0;
  api.check(api.device_attribute(&value, which, device), "cuDeviceGetAttribute");
  return value;
}

// What is good to know and not needed: 0 where the driver does not say.
int attribute_if_known(const DriverApi& api, Attribute which, int device) {
  int value = 0;
  return api.device_attribute(&value, which, device) == driver_success ? value : 0;
}

std::string bus_id_if_known(const DriverApi& api, int device) {
  std::array<char, 64> id{};
  return api.device_bus_id(id.data(), static_cast<int>(id.size()) - 1, device) == driver_success ? id.data() : "";
}

DeviceProperties ask(const DriverApi& api, int index) {
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
          .memory_bytes = static_cast<std::int64_t>(memory),
          .clock_khz = attribute_if_known(api, clock_rate, device),
          .memory_clock_khz = attribute_if_known(api, memory_clock_rate, device),
          .bus_id = bus_id_if_known(api, device)};
}

// A device that fell off the bus, say, is no reason to do without the others.
DeviceProperties properties_of(const DriverApi& api, int index) {
  try {
    return ask(api, index);
  } catch (const Error& error) {
    return {.index = index, .error = error.what()};
  }
}

// The driver's handles for addresses are numbers.
DevicePointer number(const void* pointer) {
  return reinterpret_cast<DevicePointer>(pointer);
}

}  // namespace

Driver::Driver(const LibraryPlaces& places) : api_(std::make_shared<DriverApi>(places)) {
  const auto check = [&](DriverResult result, std::string_view call) {
    if (result != driver_success)
      throw TargetError(
          fmt::format("target: cuda: the driver {} does not start: {}: {}", path(), call, api_->describe(result)));
  };
  const DriverResult started = api_->init(0);
  if (started != driver_no_device) check(started, "cuInit");
  check(api_->driver_version(&version_), "cuDriverGetVersion");
  if (started == driver_no_device) return;
  int count = 0;
  check(api_->device_count(&count), "cuDeviceGetCount");
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
  const DeviceProperties& properties = devices_[static_cast<std::size_t>(index)];
  if (!properties.error.empty())
    throw TargetError(fmt::format("device: {}: does not answer: {}", index, properties.error));
  return std::make_shared<Device>(api_, properties);
}

Device::Device(std::shared_ptr<const DriverApi> api, DeviceProperties properties)
    : api_(std::move(api)), properties_(std::move(properties)) {
  const auto check = [&](DriverResult result, std::string_view call) {
    if (result != driver_success)
      throw TargetError(fmt::format("device: {} ({}): cannot be used: {}: {}", properties_.index, properties_.name,
                                    call, api_->describe(result)));
  };
  check(api_->device_get(&handle_, properties_.index), "cuDeviceGet");
  ContextHandle context = nullptr;
  check(api_->context_retain(&context, handle_), "cuDevicePrimaryCtxRetain");
  context_ = context;
}

Device::~Device() {
  api_->context_release(handle_);
}

Device::Location Device::locate(const void* pointer) const {
  unsigned type = unknown_memory;
  int is_managed = 0, ordinal = 0;
  int attributes[] = {pointer_memory_type, pointer_is_managed, pointer_device_ordinal};
  void* values[] = {&type, &is_managed, &ordinal};
  const DriverResult result = api_->pointer_attributes(std::size(attributes), attributes, values, number(pointer));
  if (result == driver_invalid_value || result == driver_invalid_context) return {};
  api_->check(result, "cuPointerGetAttributes");
  if (type == unknown_memory) return {};
  if (type != device_memory || is_managed != 0) return {Place::shared};
  return {ordinal == properties_.index ? Place::own : Place::another, ordinal};
}

void Device::require_reachable(std::string_view name, const void* pointer) const {
  const Location location = locate(pointer);
  if (location.place == Place::own || location.place == Place::shared) return;
  const std::string is =
      location.place == Place::another ? fmt::format("memory of device {}, not", location.device) : "not memory";
  throw ArgumentError(fmt::format("{}: is {} of device {} ({}); a kernel of a CUDA target takes pointers to that", name,
                                  is, properties_.index, properties_.name));
}

void Device::require_host_memory(std::string_view name, const void* pointer) const {
  const Location location = locate(pointer);
  if (location.place == Place::own || location.place == Place::another)
    throw ArgumentError(
        fmt::format("{}: is memory of device {}; weights are packed from host memory", name, location.device));
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

void DeviceMemory::clear() {
  if (bytes_ == 0) return;
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  api.check(api.fill_bytes(number(data_), 0, static_cast<std::size_t>(bytes_)), "cuMemsetD8");
  api.check(api.stream_synchronize(nullptr), "cuStreamSynchronize");
}

void DeviceMemory::copy_to(void* host, std::int64_t bytes, std::int64_t offset) const {
  if (bytes == 0) return;
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  api.check(api.copy_to_host(host, number(data_) + static_cast<DevicePointer>(offset), static_cast<std::size_t>(bytes)),
            "cuMemcpyDtoH");
}

void DeviceMemory::fill(unsigned char value, void* stream) {
  if (bytes_ == 0) return;
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  api.check(
      api.fill_on_stream(number(data_), value, static_cast<std::size_t>(bytes_), static_cast<StreamHandle>(stream)),
      "cuMemsetD8Async");
}

}  // namespace unstride::cuda
