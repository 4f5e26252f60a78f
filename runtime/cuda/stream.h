// A stream and a stopwatch that runs on the device.
#pragma once

#include <functional>
#include <memory>

#include "runtime/cuda/device.h"

namespace unstride::cuda {

class Stream {
 public:
  explicit Stream(std::shared_ptr<const Device> device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void* handle() const noexcept { return stream_; }
  void synchronize() const;
  /// Milliseconds on the device for what `work` puts on the stream.
  double time_ms(const std::function<void()>& work) const;

 private:
  std::shared_ptr<const Device> device_;
  void* stream_ = nullptr;
  void* begin_ = nullptr;  ///< events
  void* end_ = nullptr;
};

}  // namespace unstride::cuda
