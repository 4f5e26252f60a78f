// Makes relocatable objects callable, with LLVM's ORC.
#pragma once

#include <memory>
#include <string_view>

#include "codegen/cpu/kernel_abi.h"

namespace unstride::cpu {

/// Code in memory. It lives as long as this object.
class LoadedCode {
 public:
  virtual ~LoadedCode() = default;
  KernelFunction function = nullptr;
};

/// One ORC session. Safe to share between threads; outlived by nothing that it loaded.
class Jit {
 public:
  Jit();
  ~Jit();

  /// object: what compile(..., Output::object) gave, for a target this machine can run. Throws CompileError when
  /// the linker rejects it.
  std::unique_ptr<LoadedCode> load(std::string_view object);

 private:
  struct Session;
  std::shared_ptr<Session> session_;
};

}  // namespace unstride::cpu
