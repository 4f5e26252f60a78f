// A stream and a stopwatch that runs on the device.
#pragma once

#include <functional>
#include <memory>

#include "runtime/cuda/device.h"

namespace unstride::cuda {

class Stream {
 public:
  explicit Stream(std::shared_ptr<const Device> device);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void* handle() const noexcept { return stream_.get(); }
  const std::shared_ptr<const Device>& device() const noexcept { return device_; }
  void synchronize() const;
  /// Milliseconds on the device for what `work` puts on the stream.
  double time_ms(const std::function<void()>& work) const;

 private:
  /// Of the driver's, destroyed in the device's context.
  using Handle = std::unique_ptr<void, std::function<void(void*)>>;

  std::shared_ptr<const Device> device_;
  Handle stream_;
  Handle begin_, end_;  ///< events
};

}  // namespace unstride::cuda
