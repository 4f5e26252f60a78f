#include "codegen/cpu/compile.h"

#include <fmt/format.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Target/TargetOptions.h>

#include <memory>
#include <mutex>

#include "codegen/cpu/emitter.h"
#include "codegen/cpu/kernel_driver.h"
#include "unstride/error.hpp"

namespace unstride::cpu {

namespace {

std::unique_ptr<llvm::TargetMachine> target_machine(const plan::CpuTarget& target) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
  });
  std::string error;
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (!found) throw CompileError(fmt::format("LLVM has no target for {}: {}", target.triple, error));
  llvm::TargetOptions options;
  // Products and sums are fused where the IR says so and nowhere else: the strict chain is written out.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(
      found->createTargetMachine(target.triple, target.base_cpu, target.features, options, llvm::Reloc::PIC_,
                                 llvm::CodeModel::Small, llvm::CodeGenOptLevel::Default));
  if (!machine) throw CompileError(fmt::format("LLVM cannot compile for {}", target.triple));
  return machine;
}

template <typename Print>
std::string printed(const Print& print) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  print(stream);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::string compile(const plan::CpuProblem& problem, const plan::CpuPlan& plan, Output output) {
  llvm::LLVMContext context;
  llvm::Module module("unstride", context);
  const auto machine = target_machine(problem.target);
  module.setTargetTriple(problem.target.triple);
  module.setDataLayout(machine->createDataLayout());

  llvm::IRBuilder<> builder(context);
  Emitter emitter(builder, module, problem);
  emit_kernel(emitter, plan);
  const std::string invalid = printed([&](llvm::raw_ostream& out) { llvm::verifyModule(module, &out); });
  if (!invalid.empty())
    throw CompileError(fmt::format("emitted invalid LLVM IR for plan \"{}\": {}", to_string(plan), invalid));
  if (output == Output::ir) return printed([&](llvm::raw_ostream& out) { module.print(out, nullptr); });

  return printed([&](llvm::raw_pwrite_stream& out) {
    llvm::legacy::PassManager passes;
    const auto type =
        output == Output::object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
    if (machine->addPassesToEmitFile(passes, out, nullptr, type)) throw CompileError("LLVM cannot emit this file type");
    passes.run(module);
  });
}

}  // namespace unstride::cpu
