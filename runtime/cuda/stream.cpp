#include "runtime/cuda/stream.h"

#include "runtime/cuda/driver_api.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

constexpr unsigned non_blocking = 1;  // CU_STREAM_NON_BLOCKING

}  // namespace

Stream::Stream(std::shared_ptr<const Device> device) : device_(std::move(device)) {
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  StreamHandle stream = nullptr;
  EventHandle begin = nullptr, end = nullptr;
  api.check(api.stream_create(&stream, non_blocking), "cuStreamCreate");
  stream_ = stream;
  api.check(api.event_create(&begin, 0), "cuEventCreate");
  begin_ = begin;
  api.check(api.event_create(&end, 0), "cuEventCreate");
  end_ = end;
}

Stream::~Stream() {
  try {
    const Device::Current current(*device_);
    const DriverApi& api = device_->api();
    api.event_destroy(static_cast<EventHandle>(begin_));
    api.event_destroy(static_cast<EventHandle>(end_));
    api.stream_destroy(static_cast<StreamHandle>(stream_));
  } catch (const Error&) {  // the process ends and the driver is gone already
  }
}

void Stream::synchronize() const {
  const Device::Current current(*device_);
  device_->api().check(device_->api().stream_synchronize(static_cast<StreamHandle>(stream_)), "cuStreamSynchronize");
}

double Stream::time_ms(const std::function<void()>& work) const {
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  auto* stream = static_cast<StreamHandle>(stream_);
  auto *begin = static_cast<EventHandle>(begin_), *end = static_cast<EventHandle>(end_);
  api.check(api.event_record(begin, stream), "cuEventRecord");
  work();
  api.check(api.event_record(end, stream), "cuEventRecord");
  api.check(api.event_synchronize(end), "cuEventSynchronize");
  float elapsed = 0;
  api.check(api.event_elapsed(&elapsed, begin, end), "cuEventElapsedTime");
  return elapsed;
}

}  // namespace unstride::cuda
