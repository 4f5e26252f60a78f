#include "runtime/cuda/driver_api.h"

#include <fmt/format.h>

#include "unstride/error.hpp"

namespace unstride::cuda {

DriverApi::DriverApi(const LibraryPlaces& places) : library(open_driver(places)) {
  const auto find = [&]<typename Function>(Function*& pointer, const char* name) {
    pointer = library.function<Function>(name);
  };
  const auto get = [&]<typename Function>(Function*& pointer, const char* name) {
    find(pointer, name);
    if (!pointer)
      throw TargetError(
          fmt::format("target: cuda: {} has no {}; the driver must be of CUDA 11 or later", library.path(), name));
  };
  get(init, "cuInit");
  get(driver_version, "cuDriverGetVersion");
  get(error_name, "cuGetErrorName");
  get(error_string, "cuGetErrorString");
  get(device_count, "cuDeviceGetCount");
  get(device_get, "cuDeviceGet");
  get(device_name, "cuDeviceGetName");
  get(device_attribute, "cuDeviceGetAttribute");
  get(device_memory, "cuDeviceTotalMem_v2");
  get(device_bus_id, "cuDeviceGetPCIBusId");
  get(context_retain, "cuDevicePrimaryCtxRetain");
  get(context_release, "cuDevicePrimaryCtxRelease_v2");
  get(context_push, "cuCtxPushCurrent_v2");
  get(context_pop, "cuCtxPopCurrent_v2");
  get(context_current, "cuCtxGetCurrent");
  get(module_load, "cuModuleLoadData");
  get(module_unload, "cuModuleUnload");
  get(module_function, "cuModuleGetFunction");
  get(function_attribute, "cuFuncGetAttribute");
  get(set_function_attribute, "cuFuncSetAttribute");
  get(launch, "cuLaunchKernel");
  get(allocate, "cuMemAlloc_v2");
  get(free, "cuMemFree_v2");
  get(copy_to_device, "cuMemcpyHtoD_v2");
  get(copy_to_host, "cuMemcpyDtoH_v2");
  get(fill_bytes, "cuMemsetD8_v2");
  get(fill_on_stream, "cuMemsetD8Async");
  get(pointer_attributes, "cuPointerGetAttributes");
  get(stream_create, "cuStreamCreate");
  get(stream_destroy, "cuStreamDestroy_v2");
  get(stream_synchronize, "cuStreamSynchronize");
  get(event_create, "cuEventCreate");
  get(event_destroy, "cuEventDestroy_v2");
  get(event_record, "cuEventRecord");
  get(event_synchronize, "cuEventSynchronize");
  get(event_elapsed, "cuEventElapsedTime");
  find(library_load, "cuLibraryLoadData");
  find(library_unload, "cuLibraryUnload");
  find(library_kernel, "cuLibraryGetKernel");
  find(kernel_function, "cuKernelGetFunction");
  find(function_load, "cuFuncLoad");
  find(begin_capture, "cuStreamBeginCapture_v2");
  find(end_capture, "cuStreamEndCapture");
  find(graph_instantiate, "cuGraphInstantiateWithFlags");
  find(graph_launch, "cuGraphLaunch");
  find(graph_destroy, "cuGraphDestroy");
  find(executable_graph_destroy, "cuGraphExecDestroy");
}

std::string DriverApi::describe(DriverResult result) const {
  const char *name = nullptr, *text = nullptr;
  if (error_name(result, &name) != driver_success || !name) return fmt::format("error {}", static_cast<int>(result));
  if (error_string(result, &text) != driver_success || !text) return name;
  return fmt::format("{} ({})", name, text);
}

void DriverApi::fail(DriverResult result, std::string_view call) const {
  throw Error(fmt::format("cuda: {}: {}", call, describe(result)));
}

}  // namespace unstride::cuda
