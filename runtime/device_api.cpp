// The public view of GPUs (unstride/device.hpp), over runtime/cuda.
#include <fmt/format.h>

#include "runtime/engine_impl.h"
#include "unstride/device.hpp"

#ifdef UNSTRIDE_WITH_CUDA

#include "codegen/plan/gpu_target.h"
#include "runtime/cuda/libraries.h"
#include "runtime/cuda/stream.h"

namespace unstride {

struct DeviceAccess {
  static cuda::Libraries& libraries(const Engine& engine) { return *engine.impl_->cuda_libraries; }
};

struct DeviceArray::Impl {
  cuda::DeviceMemory memory;
};

struct DeviceStream::Impl {
  cuda::Stream stream;
};

CudaInfo cuda_info(const Engine& engine) {
  cuda::Libraries& libraries = DeviceAccess::libraries(engine);
  CudaInfo info;
  try {
    info.nvrtc_version = libraries.nvrtc().version();
    info.nvrtc_path = libraries.nvrtc().path();
  } catch (const TargetError& error) {
    info.nvrtc_error = error.what();
  }
  try {
    const cuda::Driver& driver = libraries.driver();
    info.driver_version = driver.version();
    info.driver_path = driver.path();
    for (const cuda::DeviceProperties& device : driver.devices()) {
      const plan::GpuTarget* target = plan::gpu_target_for(device.major, device.minor);
      info.devices.push_back({.index = device.index,
                              .error = device.error,
                              .name = device.name,
                              .target = std::string(target ? target->name : ""),
                              .multiprocessors = device.multiprocessors,
                              .memory_bytes = device.memory_bytes});
    }
  } catch (const TargetError& error) {
    info.driver_error = error.what();
  }
  return info;
}

DeviceArray::DeviceArray(const Engine& engine, std::int64_t bytes, int device) {
  if (bytes < 0) throw ArgumentError(fmt::format("bytes: {}: must be 0 or more", bytes));
  impl_.reset(new Impl{cuda::DeviceMemory(DeviceAccess::libraries(engine).device(device), bytes)});
}

namespace {

void require_within(std::int64_t count, std::int64_t bytes) {
  if (count < 0 || count > bytes) throw ArgumentError(fmt::format("count: {}: must be 0 to {} bytes", count, bytes));
}

}  // namespace

void* DeviceArray::data() const noexcept {
  return impl_ ? impl_->memory.data() : nullptr;
}

std::int64_t DeviceArray::bytes() const noexcept {
  return impl_ ? impl_->memory.bytes() : 0;
}

void DeviceArray::upload(const void* host, std::int64_t count) const {
  require_within(count, bytes());
  if (count > 0) impl_->memory.copy_from(host, count);
}

void DeviceArray::download(void* host, std::int64_t count) const {
  require_within(count, bytes());
  if (count > 0) impl_->memory.copy_to(host, count);
}

void DeviceArray::clear() const {
  if (impl_) impl_->memory.clear();
}

DeviceStream::DeviceStream(const Engine& engine, int device)
    : impl_(new Impl{cuda::Stream(DeviceAccess::libraries(engine).device(device))}) {}

void* DeviceStream::handle() const noexcept {
  return impl_->stream.handle();
}

void DeviceStream::synchronize() const {
  impl_->stream.synchronize();
}

double DeviceStream::time_ms(const std::function<void()>& work) const {
  return impl_->stream.time_ms(work);
}

}  // namespace unstride

#else

namespace unstride {

namespace {

[[noreturn]] void refuse() {
  throw TargetError("target: cuda: this build has no CUDA (UNSTRIDE_CUDA=OFF)");
}

}  // namespace

CudaInfo cuda_info(const Engine&) {
  refuse();
}
DeviceArray::DeviceArray(const Engine&, std::int64_t, int) {
  refuse();
}
void* DeviceArray::data() const noexcept {
  return nullptr;
}
std::int64_t DeviceArray::bytes() const noexcept {
  return 0;
}
void DeviceArray::upload(const void*, std::int64_t) const {
  refuse();
}
void DeviceArray::download(void*, std::int64_t) const {
  refuse();
}
void DeviceArray::clear() const {
  refuse();
}
DeviceStream::DeviceStream(const Engine&, int) {
  refuse();
}
void* DeviceStream::handle() const noexcept {
  return nullptr;
}
void DeviceStream::synchronize() const {
  refuse();
}
double DeviceStream::time_ms(const std::function<void()>&) const {
  refuse();
}

}  // namespace unstride

#endif
