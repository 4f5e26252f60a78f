// Compiled code on a device: its functions ready to be launched, nothing left to load at a launch.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "runtime/cuda/device.h"

namespace unstride::cuda {

struct FunctionProperties {
  int registers = 0;      ///< of each thread
  int spilled_bytes = 0;  ///< local memory of each thread: what did not fit the registers
  int max_threads = 0;    ///< that a block may have with so many registers
  int static_shared = 0;  ///< bytes
};

/// What a function asks for at load time: dynamic shared memory beyond 48 KB has to be asked for once.
struct FunctionRequest {
  std::string name;
  std::int64_t dynamic_shared_bytes = 0;  ///< the most that a launch will use
};

struct LaunchShape {
  std::array<unsigned, 3> grid = {1, 1, 1};
  unsigned threads = 1;
  unsigned shared_bytes = 0;  ///< dynamic
};

class Module {
 public:
  /// Loads a cubin or PTX. Throws CompileError when the driver does not take the code, Error for anything else.
  Module(std::shared_ptr<const Device> device, const std::string& code, const std::vector<FunctionRequest>& functions);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  const Device& device() const noexcept { return *device_; }
  const std::shared_ptr<const Device>& shared_device() const noexcept { return device_; }
  const FunctionProperties& properties(std::size_t function) const { return properties_[function]; }

  /// Puts one launch on the stream (null: the default one). `arguments` is the kernel's one parameter, a struct.
  /// Neither allocates nor waits, so that a stream that is being captured may be given.
  void launch(std::size_t function, const LaunchShape& shape, const void* arguments, void* stream) const;

 private:
  void load(const std::string& code);
  void* find(const std::string& name) const;
  void unload() noexcept;

  std::shared_ptr<const Device> device_;
  void* library_ = nullptr;  ///< one of these two, as the driver has it
  void* module_ = nullptr;
  std::vector<void*> functions_;
  std::vector<FunctionProperties> properties_;
};

}  // namespace unstride::cuda
