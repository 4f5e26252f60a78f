// NVRTC and the driver of one engine, opened when they are first needed: a program that only runs on CPUs never looks
// for them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/cuda/clocks.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/nvrtc.h"

namespace unstride::cuda {

class Libraries {
 public:
  explicit Libraries(LibraryPlaces places) : places_(std::move(places)) {}

  /// These throw TargetError as the constructors do, and try again at the next call.
  const Nvrtc& nvrtc() {
    const std::lock_guard lock(mutex_);
    if (!nvrtc_) nvrtc_.emplace(places_);
    return *nvrtc_;
  }
  const Driver& driver() {
    const std::lock_guard lock(mutex_);
    if (!driver_) driver_.emplace(places_);
    return *driver_;
  }
  /// Devices are kept: taking up a primary context anew would cost each kernel a quarter of a second.
  std::shared_ptr<const Device> device(int index) {
    const Driver& driver = this->driver();
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const Device>& device = devices_[index];
    if (!device) device = driver.device(index);
    return device;
  }
  /// Of one device.
  std::shared_ptr<const Clocks> clocks(const DeviceProperties& device) const {
    return std::make_shared<const Clocks>(places_, device);
  }

 private:
  LibraryPlaces places_;
  std::mutex mutex_;
  std::optional<Nvrtc> nvrtc_;
  std::optional<Driver> driver_;
  std::map<int, std::shared_ptr<const Device>> devices_;
};

}  // namespace unstride::cuda
