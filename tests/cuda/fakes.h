// A driver, an NVRTC and an NVML that do nothing but keep account, so that loading, launching and every error are
// tested on machines that have neither. They are shared libraries of their own, found in the way the real ones are; the
// tests reach their state through one more exported function.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace unstride::testing {

struct FakeDevice {
  std::string name = "Fake GPU";
  int major = 9, minor = 0;
  int multiprocessors = 132;
  int shared_bytes_per_block = 227 * 1024;
  std::size_t memory = std::size_t{80} << 30;
  int clock_khz = 1980000, memory_clock_khz = 2619000;
  int result = 0;  ///< of questions about it
};

/// What the fake driver says of an address.
struct FakeMemory {
  std::size_t bytes = 0;
  int device = 0;
  unsigned type = 2;  ///< CUmemorytype
  bool is_managed = false;
};

struct FakeLaunch {
  std::string function;
  int device = 0;
  unsigned grid[3] = {0, 0, 0}, block[3] = {0, 0, 0};
  unsigned shared_bytes = 0;
  void* stream = nullptr;
  std::vector<void*> parameters;      ///< valid during the launch alone
  const std::string* code = nullptr;  ///< that the function was loaded from
};

/// What the fake driver is told to do, and what it was asked for.
struct FakeDriver {
  // Told.
  std::vector<FakeDevice> devices = {FakeDevice{}};
  int init_result = 0;
  int version = 12080;
  int launch_result = 0;
  int allocate_result = 0;
  int retain_result = 0;   ///< of cuDevicePrimaryCtxRetain
  int version_result = 0;  ///< of cuDriverGetVersion
  int events_left = 1000;  ///< cuEventCreate fails after so many
  std::string code_prefix =
      "\x7f"  ///< code that begins otherwise is rejected
      "ELF";
  int static_shared = 0;
  void (*on_launch)(const FakeLaunch&) = nullptr;
  double (*milliseconds)(const FakeLaunch&) = nullptr;  ///< what a launch adds to the clock that events read
  double (*noise)() = nullptr;                          ///< what a graph's time is multiplied with each time
  double fill_milliseconds = 0;                         ///< of cuMemsetD8Async
  bool keeps_account = true;                            ///< without, a call allocates nothing itself

  // Kept account of.
  std::mutex mutex = {};
  std::vector<FakeLaunch> launches = {};           ///< without those of graphs
  std::vector<std::string> device_work = {};       ///< as the device saw it: "fill BYTES", "launch", "graph NODES"
  double clock = 0;                                ///< milliseconds
  int graphs = 0;                                  ///< alive, executable ones among them
  std::map<std::string, int> calls = {};           ///< by the function's name
  std::map<int, int> retained = {};                ///< contexts, by device
  std::map<std::string, int> dynamic_shared = {};  ///< what functions were allowed
  std::map<void*, FakeMemory> allocations = {};    ///< a test may add some of its own
  int streams = 0, events = 0;                     ///< alive
  int loaded = 0;                                  ///< libraries and modules
};

struct FakeCompilation {
  std::string source;
  std::vector<std::string> headers, options;
};

/// Tells the clocks of the device on one bus.
struct FakeNvml {
  std::string bus_id = "0000:1B:00.0";
  unsigned sm = 1755, memory = 2619;
  int init_result = 0, clock_result = 0;
  int started = 0;  ///< and not shut down
};

/// Compiles everything: to an "ELF" that holds what it was made of.
struct FakeNvrtc {
  int major = 13, minor = 0;
  std::vector<int> architectures = {75, 80, 86, 89, 90, 100, 120};
  int result = 0;        ///< of nvrtcCompileProgram
  int asked_result = 0;  ///< of questions about the architectures
  std::string log = {};  ///< with it
  std::string code_prefix =
      "\x7f"
      "ELF";
  std::mutex mutex = {};
  std::vector<FakeCompilation> compilations = {};
  int alive = 0;  ///< programs created and not destroyed
};

FakeDriver& fake_driver();
FakeNvrtc& fake_nvrtc();
FakeNvml& fake_nvml();
/// The files, as CMake built them. The old driver is one before CUDA 11.4: without cuLibraryLoadData and graphs.
extern const char* const fake_driver_file;
extern const char* const fake_old_driver_file;
extern const char* const fake_nvrtc_file;
extern const char* const fake_nvml_file;
extern const char* const broken_nvrtc_file;  ///< a library that is no NVRTC
/// The state of the old driver.
FakeDriver& fake_old_driver();

/// Sets the fakes to what they do by default, and points the environment of engines made from here on at them.
class WithFakes {
 public:
  WithFakes();
  ~WithFakes();
  WithFakes(const WithFakes&) = delete;
  WithFakes& operator=(const WithFakes&) = delete;
};

}  // namespace unstride::testing
