#include "runtime/cuda/stream.h"

#include "runtime/cuda/driver_api.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

constexpr unsigned non_blocking = 1;  // CU_STREAM_NON_BLOCKING

// What `create` makes, until `destroy` takes it back.
template <typename Handle>
std::unique_ptr<void, std::function<void(void*)>> make(const Device& device,
                                                       DriverResult (*create)(Handle*, unsigned flags), unsigned flags,
                                                       DriverResult (*destroy)(Handle), std::string_view call) {
  const Device::Current current(device);
  Handle handle = nullptr;
  device.api().check(create(&handle, flags), call);
  return {handle, [&device, destroy](void* made) {
            try {
              const Device::Current while_destroying(device);
              destroy(static_cast<Handle>(made));
            } catch (const Error&) {  // the process ends and the driver is gone already
            }
          }};
}

}  // namespace

Stream::Stream(std::shared_ptr<const Device> device)
    : device_(std::move(device)),
      stream_(
          make(*device_, device_->api().stream_create, non_blocking, device_->api().stream_destroy, "cuStreamCreate")),
      begin_(make(*device_, device_->api().event_create, 0, device_->api().event_destroy, "cuEventCreate")),
      end_(make(*device_, device_->api().event_create, 0, device_->api().event_destroy, "cuEventCreate")) {}

void Stream::synchronize() const {
  const Device::Current current(*device_);
  device_->api().check(device_->api().stream_synchronize(static_cast<StreamHandle>(stream_.get())),
                       "cuStreamSynchronize");
}

double Stream::time_ms(const std::function<void()>& work) const {
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  auto* stream = static_cast<StreamHandle>(stream_.get());
  auto *begin = static_cast<EventHandle>(begin_.get()), *end = static_cast<EventHandle>(end_.get());
  api.check(api.event_record(begin, stream), "cuEventRecord");
  work();
  api.check(api.event_record(end, stream), "cuEventRecord");
  api.check(api.event_synchronize(end), "cuEventSynchronize");
  float elapsed = 0;
  api.check(api.event_elapsed(&elapsed, begin, end), "cuEventElapsedTime");
  return elapsed;
}

}  // namespace unstride::cuda
