#include "runtime/cuda/clocks.h"

#include <fmt/format.h>

#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// NVML's C interface as far as it is used here. https://docs.nvidia.com/deploy/nvml-api
constexpr int success = 0;                           // NVML_SUCCESS
constexpr int clock_of_sm = 1, clock_of_memory = 2;  // NVML_CLOCK_SM, NVML_CLOCK_MEM

std::string from_khz(int khz) {
  return khz > 0 ? fmt::format("{} MHz", khz / 1000) : "unknown";
}

}  // namespace

std::string nominal_clocks(const DeviceProperties& device) {
  return fmt::format("SM {}, memory {}", from_khz(device.clock_khz), from_khz(device.memory_clock_khz));
}

Clocks::Clocks(const LibraryPlaces& places, const DeviceProperties& device) {
  try {
    const SharedLibrary nvml = open_nvml(places);
    auto* init = nvml.function<int()>("nvmlInit_v2");
    auto* shut_down = nvml.function<int()>("nvmlShutdown");
    auto* find = nvml.function<int(const char*, void**)>("nvmlDeviceGetHandleByPciBusId_v2");
    auto* read = nvml.function<int(void*, int, unsigned*)>("nvmlDeviceGetClockInfo");
    if (!init || !shut_down || !find || !read || init() != success) return;
    shut_down_ = shut_down;
    if (find(device.bus_id.c_str(), &device_) == success) read_ = read;
  } catch (const TargetError&) {  // there is none
  }
}

Clocks::~Clocks() {
  if (shut_down_) shut_down_();
}

std::string Clocks::text_of(int clock) const {
  unsigned megahertz = 0;
  return read_ && read_(device_, clock, &megahertz) == success ? fmt::format("{} MHz", megahertz) : "unknown";
}

std::string Clocks::now() const {
  return fmt::format("SM {}, memory {}", text_of(clock_of_sm), text_of(clock_of_memory));
}

}  // namespace unstride::cuda
