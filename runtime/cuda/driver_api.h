// The driver's C interface as far as it is used here, resolved at run time. Its ABI does not change within a function
// name; new behaviour gets a new name with a suffix (_v2). https://docs.nvidia.com/cuda/cuda-driver-api
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/cuda/library_search.h"

namespace unstride::cuda {

// Handles are pointers to types of the driver's.
using ContextHandle = struct ContextTag*;
using LibraryHandle = struct LibraryTag*;
using ModuleHandle = struct ModuleTag*;
using KernelHandle = struct KernelTag*;
using FunctionHandle = struct FunctionTag*;
using StreamHandle = struct StreamTag*;
using EventHandle = struct EventTag*;
using GraphHandle = struct GraphTag*;
using ExecutableGraphHandle = struct ExecutableGraphTag*;
using DevicePointer = unsigned long long;

enum DriverResult : int {
  driver_success = 0,
  driver_invalid_value = 1,
  driver_no_device = 100,
  driver_invalid_image = 200,
  driver_invalid_context = 201,
  driver_no_binary_for_gpu = 209,
  driver_invalid_ptx = 218,
  driver_jit_compiler_not_found = 221,
  driver_unsupported_ptx_version = 222,
  driver_invalid_source = 300,
  driver_not_found = 500,
};

struct DriverApi {
  explicit DriverApi(const LibraryPlaces& places);

  /// Throws Error with the driver's own words for the result.
  void check(DriverResult result, std::string_view call) const {
    if (result != driver_success) fail(result, call);
  }
  /// "CUDA_ERROR_INVALID_IMAGE (device kernel image is invalid)"
  std::string describe(DriverResult result) const;
  [[noreturn]] void fail(DriverResult result, std::string_view call) const;

  SharedLibrary library;

  DriverResult (*init)(unsigned flags) = nullptr;
  DriverResult (*driver_version)(int* version) = nullptr;
  DriverResult (*error_name)(DriverResult, const char** text) = nullptr;
  DriverResult (*error_string)(DriverResult, const char** text) = nullptr;

  DriverResult (*device_count)(int* count) = nullptr;
  DriverResult (*device_get)(int* device, int ordinal) = nullptr;
  DriverResult (*device_name)(char* name, int size, int device) = nullptr;
  DriverResult (*device_attribute)(int* value, int attribute, int device) = nullptr;
  DriverResult (*device_memory)(std::size_t* bytes, int device) = nullptr;
  DriverResult (*device_bus_id)(char* id, int size, int device) = nullptr;

  DriverResult (*context_retain)(ContextHandle*, int device) = nullptr;
  DriverResult (*context_release)(int device) = nullptr;
  DriverResult (*context_push)(ContextHandle) = nullptr;
  DriverResult (*context_pop)(ContextHandle*) = nullptr;
  DriverResult (*context_current)(ContextHandle*) = nullptr;

  DriverResult (*module_load)(ModuleHandle*, const void* image) = nullptr;
  DriverResult (*module_unload)(ModuleHandle) = nullptr;
  DriverResult (*module_function)(FunctionHandle*, ModuleHandle, const char* name) = nullptr;
  DriverResult (*function_attribute)(int* value, int attribute, FunctionHandle) = nullptr;
  DriverResult (*set_function_attribute)(FunctionHandle, int attribute, int value) = nullptr;
  DriverResult (*launch)(FunctionHandle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                         unsigned block_y, unsigned block_z, unsigned shared_bytes, StreamHandle, void** parameters,
                         void** extra) = nullptr;

  DriverResult (*allocate)(DevicePointer*, std::size_t bytes) = nullptr;
  DriverResult (*free)(DevicePointer) = nullptr;
  DriverResult (*copy_to_device)(DevicePointer, const void* host, std::size_t bytes) = nullptr;
  DriverResult (*copy_to_host)(void* host, DevicePointer, std::size_t bytes) = nullptr;
  DriverResult (*fill_bytes)(DevicePointer, unsigned char value, std::size_t count) = nullptr;
  DriverResult (*fill_on_stream)(DevicePointer, unsigned char value, std::size_t bytes, StreamHandle) = nullptr;
  DriverResult (*pointer_attributes)(unsigned count, int* attributes, void** values, DevicePointer) = nullptr;

  DriverResult (*stream_create)(StreamHandle*, unsigned flags) = nullptr;
  DriverResult (*stream_destroy)(StreamHandle) = nullptr;
  DriverResult (*stream_synchronize)(StreamHandle) = nullptr;
  DriverResult (*event_create)(EventHandle*, unsigned flags) = nullptr;
  DriverResult (*event_destroy)(EventHandle) = nullptr;
  DriverResult (*event_record)(EventHandle, StreamHandle) = nullptr;
  DriverResult (*event_synchronize)(EventHandle) = nullptr;
  DriverResult (*event_elapsed)(float* milliseconds, EventHandle, EventHandle) = nullptr;

  // Null before CUDA 12.0, all of them or none.
  DriverResult (*library_load)(LibraryHandle*, const void* code, void* jit_options, void** jit_values,
                               unsigned jit_count, void* options, void** values, unsigned count) = nullptr;
  DriverResult (*library_unload)(LibraryHandle) = nullptr;
  DriverResult (*library_kernel)(KernelHandle*, LibraryHandle, const char* name) = nullptr;
  DriverResult (*kernel_function)(FunctionHandle*, KernelHandle) = nullptr;
  // Null before CUDA 12.4.
  DriverResult (*function_load)(FunctionHandle) = nullptr;

  // Null before CUDA 11.4, all of them or none.
  DriverResult (*begin_capture)(StreamHandle, int mode) = nullptr;
  DriverResult (*end_capture)(StreamHandle, GraphHandle*) = nullptr;
  DriverResult (*graph_instantiate)(ExecutableGraphHandle*, GraphHandle, unsigned long long flags) = nullptr;
  DriverResult (*graph_launch)(ExecutableGraphHandle, StreamHandle) = nullptr;
  DriverResult (*graph_destroy)(GraphHandle) = nullptr;
  DriverResult (*executable_graph_destroy)(ExecutableGraphHandle) = nullptr;

  bool has_graphs() const noexcept {
    return begin_capture && end_capture && graph_instantiate && graph_launch && graph_destroy &&
           executable_graph_destroy;
  }
  bool has_libraries() const noexcept { return library_load && library_unload && library_kernel && kernel_function; }
};

}  // namespace unstride::cuda
