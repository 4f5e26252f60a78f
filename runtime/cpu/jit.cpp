#include "runtime/cpu/jit.h"

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>

#include <atomic>
#include <mutex>

#include "unstride/error.hpp"

namespace unstride::cpu {

namespace orc = llvm::orc;

struct Jit::Session {
  std::unique_ptr<orc::LLJIT> jit;
  std::once_flag started;
  std::atomic<int> loaded = 0;

  void start();
};

namespace {

template <typename T>
T checked(llvm::Expected<T> value, const char* doing) {
  if (!value) throw CompileError(fmt::format("{}: {}", doing, llvm::toString(value.takeError())));
  return std::move(*value);
}

void check(llvm::Error error, const char* doing) {
  if (error) throw CompileError(fmt::format("{}: {}", doing, llvm::toString(std::move(error))));
}

}  // namespace

void Jit::Session::start() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  // Objects come with their machine code made: ORC needs to know the architecture only, not the processor.
  orc::JITTargetMachineBuilder architecture{llvm::Triple("x86_64-pc-linux-gnu")};
  jit = checked(orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(architecture)).create(),
                "starting the JIT linker");
}

namespace {

class OrcCode : public LoadedCode {
 public:
  OrcCode(std::shared_ptr<void> session, orc::ExecutionSession& execution, orc::JITDylib& library)
      : session_(std::move(session)), execution_(execution), library_(library) {}
  ~OrcCode() override { llvm::consumeError(execution_.removeJITDylib(library_)); }
  OrcCode(const OrcCode&) = delete;
  OrcCode& operator=(const OrcCode&) = delete;

 private:
  std::shared_ptr<void> session_;
  orc::ExecutionSession& execution_;
  orc::JITDylib& library_;
};

}  // namespace

Jit::Jit() : session_(std::make_shared<Session>()) {}
Jit::~Jit() = default;

std::unique_ptr<LoadedCode> Jit::load(std::string_view object) {
  std::call_once(session_->started, [this] { session_->start(); });
  orc::LLJIT& jit = *session_->jit;
  auto& execution = jit.getExecutionSession();
  orc::JITDylib& library = execution.createBareJITDylib(fmt::format("kernel{}", session_->loaded++));
  auto code = std::make_unique<OrcCode>(session_, execution, library);
  auto bytes = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(object.data(), object.size()), library.getName());
  check(jit.addObjectFile(library, std::move(bytes)), "adding a compiled kernel");
  code->function = checked(jit.lookup(library, kernel_symbol), "linking a compiled kernel").toPtr<KernelFunction>();
  return code;
}

}  // namespace unstride::cpu
