#include "runtime/cuda/module.h"

#include <fmt/format.h>

#include "runtime/cuda/driver_api.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// CUfunction_attribute.
enum Attribute : int {
  max_threads_per_block = 0,
  static_shared_bytes = 1,
  local_bytes = 3,
  register_count = 4,
  max_dynamic_shared_bytes = 8,
};

// What the driver says of code that it cannot use, as against a device that is out of memory, say.
bool is_rejection(DriverResult result) {
  switch (result) {
    case driver_invalid_image:
    case driver_no_binary_for_gpu:
    case driver_invalid_ptx:
    case driver_jit_compiler_not_found:
    case driver_unsupported_ptx_version:
    case driver_invalid_source:
    case driver_not_found:
      return true;
    default:
      return false;
  }
}

void check_code(const Device& device, DriverResult result, std::string_view call) {
  if (!is_rejection(result)) {
    device.api().check(result, call);
    return;
  }
  const DeviceProperties& properties = device.properties();
  throw CompileError(fmt::format(
      "cuda: the driver does not take this code for device {} ({}, compute capability {}.{}): {}: {}; a driver older "
      "than the compiler is one reason",
      properties.index, properties.name, properties.major, properties.minor, call, device.api().describe(result)));
}

}  // namespace

Module::Module(std::shared_ptr<const Device> device, const std::string& code,
               const std::vector<FunctionRequest>& functions)
    : device_(std::move(device)) {
  const Device::Current current(*device_);
  const DriverApi& api = device_->api();
  load(code);
  try {
    for (const FunctionRequest& request : functions) {
      auto* function = static_cast<FunctionHandle>(find(request.name));
      // Now and not at the first launch, where lazy loading would synchronise, and break a capture.
      if (api.function_load) check_code(*device_, api.function_load(function), "cuFuncLoad");
      const auto get = [&](Attribute which) {
        int value = 0;
        check_code(*device_, api.function_attribute(&value, which, function), "cuFuncGetAttribute");
        return value;
      };
      properties_.push_back({.registers = get(register_count),
                             .spilled_bytes = get(local_bytes),
                             .max_threads = get(max_threads_per_block),
                             .static_shared = get(static_shared_bytes)});
      const std::int64_t most = device_->properties().shared_bytes_per_block - properties_.back().static_shared;
      if (request.dynamic_shared_bytes > most)
        throw TargetError(fmt::format("cuda: {} needs {} bytes of shared memory; device {} ({}) has {} for a block",
                                      request.name, request.dynamic_shared_bytes, device_->properties().index,
                                      device_->properties().name, most));
      if (request.dynamic_shared_bytes > 0)
        api.check(api.set_function_attribute(function, max_dynamic_shared_bytes,
                                             static_cast<int>(request.dynamic_shared_bytes)),
                  "cuFuncSetAttribute");
      functions_.push_back(function);
    }
  } catch (...) {
    unload();
    throw;
  }
}

Module::~Module() {
  try {
    const Device::Current current(*device_);
    unload();
  } catch (const Error&) {  // the process ends and the driver is gone already
  }
}

void Module::load(const std::string& code) {
  const DriverApi& api = device_->api();
  if (api.has_libraries()) {
    LibraryHandle library = nullptr;
    check_code(*device_, api.library_load(&library, code.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0),
               "cuLibraryLoadData");
    library_ = library;
  } else {
    ModuleHandle module = nullptr;
    check_code(*device_, api.module_load(&module, code.c_str()), "cuModuleLoadData");
    module_ = module;
  }
}

void* Module::find(const std::string& name) const {
  const DriverApi& api = device_->api();
  FunctionHandle function = nullptr;
  if (library_) {
    KernelHandle kernel = nullptr;
    check_code(*device_, api.library_kernel(&kernel, static_cast<LibraryHandle>(library_), name.c_str()),
               "cuLibraryGetKernel");
    check_code(*device_, api.kernel_function(&function, kernel), "cuKernelGetFunction");
  } else {
    check_code(*device_, api.module_function(&function, static_cast<ModuleHandle>(module_), name.c_str()),
               "cuModuleGetFunction");
  }
  return function;
}

void Module::unload() noexcept {
  const DriverApi& api = device_->api();
  if (library_) api.library_unload(static_cast<LibraryHandle>(library_));
  if (module_) api.module_unload(static_cast<ModuleHandle>(module_));
  library_ = module_ = nullptr;
}

void Module::launch(std::size_t function, const LaunchShape& shape, const void* arguments, void* stream) const {
  const Device::Current current(*device_);
  void* parameters[] = {const_cast<void*>(arguments)};  // the driver only reads
  const auto& [x, y, z] = shape.grid;
  const DriverApi& api = device_->api();
  api.check(api.launch(static_cast<FunctionHandle>(functions_[function]), x, y, z, shape.threads, 1, 1,
                       shape.shared_bytes, static_cast<StreamHandle>(stream), parameters, nullptr),
            "cuLaunchKernel");
}

}  // namespace unstride::cuda
