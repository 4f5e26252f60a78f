#include "codegen/cpu/identity.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/Support/TargetSelect.h>

#include "codegen/cpu/source_digest.h"  // generated: cmake/source_digest.cmake
#include "support/build_id.h"

namespace unstride::cpu {

std::string generator_digest() {
  return UNSTRIDE_SOURCE_DIGEST;
}

std::string llvm_version() {
  return LLVM_VERSION_STRING;
}

std::string llvm_build_id() {
  static const std::string id = support::build_id_of(reinterpret_cast<const void*>(&LLVMInitializeX86TargetInfo));
  return id;
}

}  // namespace unstride::cpu
