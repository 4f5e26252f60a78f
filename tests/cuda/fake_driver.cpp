// The fake driver: see fakes.h. Memory of its devices is host memory, and a launch calls a function of the test's.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/cuda/fakes.h"

using unstride::testing::FakeDriver;
using unstride::testing::FakeLaunch;
using unstride::testing::FakeMemory;

namespace {

constexpr int invalid_value = 1, no_device = 100, invalid_image = 200, not_found = 500;

struct Context {
  int device;
};
struct Code {
  std::string text;
};
struct Function {
  std::string name, code;
};
// Of kernels alone. What they would compute is not computed again.
struct Graph {
  std::size_t nodes = 0;
  double milliseconds = 0;
};
struct Event {
  double at;
};

FakeDriver state;
thread_local std::vector<Context*> current;
std::map<void*, Graph> captures;  // by stream

// Never freed: handles stay valid as long as anybody may ask.
Context* context_of(int device) {
  static std::map<int, std::unique_ptr<Context>> contexts;
  auto& context = contexts[device];
  if (!context) context = std::make_unique<Context>(Context{device});
  return context.get();
}
Function* function_of(const char* name, const Code* code) {
  static std::map<std::pair<std::string, std::string>, std::unique_ptr<Function>> functions;
  auto& function = functions[{name, code->text}];
  if (!function) function = std::make_unique<Function>(Function{name, code->text});
  return function.get();
}
double milliseconds_of(const FakeLaunch& launch) {
  return state.milliseconds ? state.milliseconds(launch) : 0.25;
}

std::unique_lock<std::mutex> count(const char* call) {
  std::unique_lock lock(state.mutex);
  if (state.keeps_account) ++state.calls[call];
  return lock;
}

int load(Code** code, const void* image, const char* call) {
  const auto lock = count(call);
  if (std::strncmp(static_cast<const char*>(image), state.code_prefix.c_str(), state.code_prefix.size()) != 0)
    return invalid_image;
  ++state.loaded;
  *code = new Code{static_cast<const char*>(image)};
  return 0;
}
int unload(Code* code, const char* call) {
  const auto lock = count(call);
  --state.loaded;
  delete code;
  return 0;
}
bool holds(const Code* code, const char* name) {
  return code->text.find(name) != std::string::npos;
}

}  // namespace

extern "C" {

FakeDriver* unstride_fake_state() {
  return &state;
}

int cuInit(unsigned) {
  return state.init_result;
}
int cuDriverGetVersion(int* version) {
  *version = state.version;
  return state.version_result;
}
int cuGetErrorName(int result, const char** text) {
  *text = result == no_device       ? "CUDA_ERROR_NO_DEVICE"
          : result == invalid_image ? "CUDA_ERROR_INVALID_IMAGE"
          : result == 2             ? "CUDA_ERROR_OUT_OF_MEMORY"
          : result == 999           ? "CUDA_ERROR_UNKNOWN"
                                    : "CUDA_ERROR_OTHER";
  return 0;
}
int cuGetErrorString(int, const char** text) {
  *text = "as the test wants it";
  return 0;
}
int cuDeviceGetCount(int* n) {
  *n = static_cast<int>(state.devices.size());
  return 0;
}
int cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return state.devices[static_cast<std::size_t>(ordinal)].result;
}
int cuDeviceGetName(char* name, int size, int device) {
  std::strncpy(name, state.devices[static_cast<std::size_t>(device)].name.c_str(), static_cast<std::size_t>(size));
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  const auto& it = state.devices[static_cast<std::size_t>(device)];
  switch (attribute) {
    case 16:
      *value = it.multiprocessors;
      break;
    case 38:
      *value = 50 << 20;
      break;
    case 75:
      *value = it.major;
      break;
    case 76:
      *value = it.minor;
      break;
    case 81:
      *value = 228 * 1024;
      break;
    case 82:
      *value = 65536;
      break;
    case 97:
      *value = it.shared_bytes_per_block;
      break;
    case 13:
      *value = it.clock_khz;
      break;
    case 36:
      *value = it.memory_clock_khz;
      break;
    default:
      *value = 0;
  }
  return 0;
}
int cuDeviceGetPCIBusId(char* id, int size, int device) {
  std::snprintf(id, static_cast<std::size_t>(size), "0000:%02X:00.0", 27 + device);
  return 0;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int device) {
  *bytes = state.devices[static_cast<std::size_t>(device)].memory;
  return 0;
}
int cuDevicePrimaryCtxRetain(Context** context, int device) {
  const auto lock = count("cuDevicePrimaryCtxRetain");
  if (state.retain_result != 0) return state.retain_result;
  ++state.retained[device];
  *context = context_of(device);
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  const auto lock = count("cuDevicePrimaryCtxRelease");
  --state.retained[device];
  return 0;
}
int cuCtxPushCurrent_v2(Context* context) {
  const auto lock = count("cuCtxPushCurrent");
  current.push_back(context);
  return 0;
}
int cuCtxPopCurrent_v2(Context** context) {
  *context = current.back();
  current.pop_back();
  return 0;
}
int cuCtxGetCurrent(Context** context) {
  *context = current.empty() ? nullptr : current.back();
  return 0;
}
int cuModuleLoadData(Code** module, const void* image) {
  return load(module, image, "cuModuleLoadData");
}
int cuModuleUnload(Code* module) {
  return unload(module, "cuModuleUnload");
}
int cuModuleGetFunction(Function** function, Code* module, const char* name) {
  const auto lock = count("cuModuleGetFunction");
  *function = function_of(name, module);
  return holds(module, name) ? 0 : not_found;
}
#ifndef FAKE_OLD
int cuLibraryLoadData(Code** library, const void* code, void*, void*, unsigned, void*, void*, unsigned) {
  return load(library, code, "cuLibraryLoadData");
}
int cuLibraryUnload(Code* library) {
  return unload(library, "cuLibraryUnload");
}
int cuLibraryGetKernel(Function** kernel, Code* library, const char* name) {
  const auto lock = count("cuLibraryGetKernel");
  *kernel = function_of(name, library);
  return holds(library, name) ? 0 : not_found;
}
int cuKernelGetFunction(Function** function, Function* kernel) {
  *function = kernel;
  return current.empty() ? invalid_value : 0;
}
int cuFuncLoad(Function*) {
  const auto lock = count("cuFuncLoad");
  return 0;
}
#endif
int cuFuncGetAttribute(int* value, int attribute, Function*) {
  *value = attribute == 0 ? 1024 : attribute == 1 ? state.static_shared : attribute == 4 ? 64 : 0;
  return 0;
}
int cuFuncSetAttribute(Function* function, int attribute, int value) {
  const auto lock = count("cuFuncSetAttribute");
  if (attribute == 8) state.dynamic_shared[function->name] = value;
  return 0;
}
int cuLaunchKernel(Function* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void* stream, void** parameters, void**) {
  const auto lock = count("cuLaunchKernel");
  if (state.launch_result != 0 || current.empty()) return state.launch_result ? state.launch_result : invalid_value;
  if (!state.keeps_account) return 0;
  FakeLaunch launch{function->name, current.back()->device, {gx, gy, gz},   {bx, by, bz}, shared,
                    stream,         {parameters[0]},        &function->code};
  if (const auto capture = captures.find(stream); capture != captures.end()) {
    ++capture->second.nodes;
    capture->second.milliseconds += milliseconds_of(launch);
    return 0;
  }
  state.clock += milliseconds_of(launch);
  state.device_work.emplace_back("launch");
  state.launches.push_back(launch);
  if (state.on_launch) state.on_launch(launch);
  return 0;
}
int cuMemsetD8Async(unsigned long long address, unsigned char value, std::size_t bytes, void*) {
  const auto lock = count("cuMemsetD8Async");
  void* memory = reinterpret_cast<void*>(address);
  if (!state.allocations.contains(memory) || bytes > state.allocations[memory].bytes) return invalid_value;
  // A large one stands for what it does to caches alone.
  std::memset(memory, value, std::min(bytes, std::size_t{1} << 20));
  state.device_work.push_back("fill " + std::to_string(bytes));
  state.clock += state.fill_milliseconds;
  return 0;
}
#ifndef FAKE_OLD
int cuStreamBeginCapture_v2(void* stream, int mode) {
  const auto lock = count("cuStreamBeginCapture");
  if (mode != 1 || captures.contains(stream)) return invalid_value;
  captures[stream];
  return 0;
}
int cuStreamEndCapture(void* stream, Graph** graph) {
  const auto lock = count("cuStreamEndCapture");
  *graph = new Graph(std::move(captures.at(stream)));
  captures.erase(stream);
  ++state.graphs;
  return 0;
}
int cuGraphInstantiateWithFlags(Graph** executable, Graph* graph, unsigned long long) {
  const auto lock = count("cuGraphInstantiateWithFlags");
  *executable = new Graph(*graph);
  ++state.graphs;
  return 0;
}
int cuGraphLaunch(Graph* graph, void*) {
  const auto lock = count("cuGraphLaunch");
  state.clock += graph->milliseconds * (state.noise ? state.noise() : 1);
  state.device_work.push_back("graph " + std::to_string(graph->nodes));
  return 0;
}
int cuGraphDestroy(Graph* graph) {
  const auto lock = count("cuGraphDestroy");
  delete graph;
  --state.graphs;
  return 0;
}
int cuGraphExecDestroy(Graph* graph) {
  return cuGraphDestroy(graph);
}
#endif
int cuMemAlloc_v2(unsigned long long* address, std::size_t bytes) {
  const auto lock = count("cuMemAlloc");
  if (state.allocate_result != 0 || current.empty())
    return state.allocate_result ? state.allocate_result : invalid_value;
  void* memory = std::malloc(bytes);
  state.allocations[memory] = {.bytes = bytes, .device = current.back()->device};
  *address = reinterpret_cast<unsigned long long>(memory);
  return 0;
}
int cuMemFree_v2(unsigned long long address) {
  const auto lock = count("cuMemFree");
  void* memory = reinterpret_cast<void*>(address);
  if (state.allocations.erase(memory) == 0) return invalid_value;
  std::free(memory);
  return 0;
}
int cuMemcpyHtoD_v2(unsigned long long to, const void* from, std::size_t bytes) {
  const auto lock = count("cuMemcpyHtoD");
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return 0;
}
int cuMemcpyDtoH_v2(void* to, unsigned long long from, std::size_t bytes) {
  const auto lock = count("cuMemcpyDtoH");
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return 0;
}
int cuMemsetD8_v2(unsigned long long to, unsigned char value, std::size_t bytes) {
  const auto lock = count("cuMemsetD8");
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return 0;
}
// As the real one: zeros, and no error, for memory that it knows nothing of.
int cuPointerGetAttributes(unsigned attributes, const int* which, void** values, unsigned long long address) {
  const auto lock = count("cuPointerGetAttributes");
  const auto* pointer = reinterpret_cast<const char*>(address);
  FakeMemory found{.type = 0};
  for (const auto& [memory, about] : state.allocations) {
    const auto* begin = static_cast<const char*>(memory);
    if (pointer >= begin && pointer < begin + about.bytes) found = about;
  }
  for (unsigned k = 0; k < attributes; ++k) {
    if (which[k] == 2)
      *static_cast<unsigned*>(values[k]) = found.type;
    else if (which[k] == 8)
      *static_cast<int*>(values[k]) = found.is_managed ? 1 : 0;
    else if (which[k] == 9)
      *static_cast<int*>(values[k]) = found.device;
    else
      return invalid_value;
  }
  return 0;
}
int cuStreamCreate(void** stream, unsigned) {
  const auto lock = count("cuStreamCreate");
  *stream = new char;
  ++state.streams;
  return 0;
}
int cuStreamDestroy_v2(void* stream) {
  const auto lock = count("cuStreamDestroy");
  delete static_cast<char*>(stream);
  --state.streams;
  return 0;
}
int cuStreamSynchronize(void*) {
  const auto lock = count("cuStreamSynchronize");
  return 0;
}
int cuEventCreate(void** event, unsigned) {
  const auto lock = count("cuEventCreate");
  if (state.events_left-- <= 0) return 2;
  ++state.events;
  *event = new Event{};
  return 0;
}
int cuEventDestroy_v2(void* event) {
  const auto lock = count("cuEventDestroy");
  --state.events;
  delete static_cast<Event*>(event);
  return 0;
}
int cuEventRecord(void* event, void*) {
  const auto lock = count("cuEventRecord");
  static_cast<Event*>(event)->at = state.clock;
  return 0;
}
int cuEventSynchronize(void*) {
  return 0;
}
int cuEventElapsedTime(float* milliseconds, void* from, void* to) {
  *milliseconds = static_cast<float>(static_cast<Event*>(to)->at - static_cast<Event*>(from)->at);
  return 0;
}
}
