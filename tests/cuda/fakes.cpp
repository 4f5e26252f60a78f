#include "tests/cuda/fakes.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

namespace unstride::testing {

namespace {

template <typename State>
State& state_of(const char* file) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  auto* state = reinterpret_cast<State* (*)()>(dlsym(library, "unstride_fake_state"));
  if (!state) throw std::runtime_error(dlerror());
  return *state();
}

// A mutex cannot be assigned; everything else starts anew.
template <typename State>
void reset(State& state) {
  state.~State();
  new (&state) State();
}

}  // namespace

const char* const fake_driver_file = FAKE_DRIVER;
const char* const fake_old_driver_file = FAKE_OLD_DRIVER;
const char* const fake_nvrtc_file = FAKE_NVRTC;
const char* const fake_nvml_file = FAKE_NVML;
const char* const broken_nvrtc_file = BROKEN_NVRTC;

FakeDriver& fake_driver() {
  return state_of<FakeDriver>(fake_driver_file);
}
FakeDriver& fake_old_driver() {
  return state_of<FakeDriver>(fake_old_driver_file);
}
FakeNvrtc& fake_nvrtc() {
  return state_of<FakeNvrtc>(fake_nvrtc_file);
}

FakeNvml& fake_nvml() {
  return state_of<FakeNvml>(fake_nvml_file);
}

WithFakes::WithFakes() {
  reset(fake_driver());
  reset(fake_old_driver());
  reset(fake_nvrtc());
  reset(fake_nvml());
  setenv("UNSTRIDE_NVRTC", fake_nvrtc_file, 1);
  setenv("UNSTRIDE_CUDA_DRIVER", fake_driver_file, 1);
  setenv("UNSTRIDE_NVML", fake_nvml_file, 1);
}

WithFakes::~WithFakes() {
  unsetenv("UNSTRIDE_NVRTC");
  unsetenv("UNSTRIDE_CUDA_DRIVER");
  unsetenv("UNSTRIDE_NVML");
}

}  // namespace unstride::testing
