// The fake NVML: see fakes.h.
#include <mutex>

#include "tests/cuda/fakes.h"

using unstride::testing::FakeNvml;

namespace {

FakeNvml state;
std::mutex starting;  // NVML may be started and shut down by any thread

}  // namespace

extern "C" {

FakeNvml* unstride_fake_state() {
  return &state;
}

int nvmlInit_v2() {
  const std::scoped_lock lock(starting);
  if (state.init_result == 0) ++state.started;
  return state.init_result;
}
int nvmlShutdown() {
  const std::scoped_lock lock(starting);
  --state.started;
  return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** device) {
  *device = &state;
  return id == state.bus_id ? 0 : 6;
}
int nvmlDeviceGetClockInfo(void* device, int which, unsigned* megahertz) {
  if (device != &state || (which != 1 && which != 2)) return 2;
  *megahertz = which == 1 ? state.sm : state.memory;
  return state.clock_result;
}
}
