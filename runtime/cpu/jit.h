// Makes relocatable objects callable, with LLVM's ORC.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "codegen/cpu/kernel_abi.h"

namespace unstride::cpu {

/// Code in memory. It lives as long as this object.
class LoadedCode {
 public:
  virtual ~LoadedCode() = default;
  std::vector<KernelFunction> functions;  ///< one for each variant of the plan
};

/// One ORC session. Safe to share between threads; outlived by nothing that it loaded.
class Jit {
 public:
  Jit();
  ~Jit();

  /// object: what compile(..., Output::object) gave for a plan of so many variants, for a target this machine can run.
  /// Throws CompileError when the linker rejects it.
  std::unique_ptr<LoadedCode> load(std::string_view object, std::size_t variants);

 private:
  struct Session;
  std::shared_ptr<Session> session_;
};

}  // namespace unstride::cpu
