#include "tests/emulator/faults.h"

#include <ucontext.h>

#include <cstdint>
#include <cstdio>

namespace unstride::emulator {

namespace {

Block* watched = nullptr;

#if defined(__linux__) && defined(__x86_64__)
std::uintptr_t fault_address = 0;
bool fault_writes = false;

// Where a faulting thread goes on, on its own stack.
[[noreturn]] void after_fault() {
  char text[80];
  std::snprintf(text, sizeof text, "%s memory that it may not touch (0x%zx)", fault_writes ? "writes" : "reads",
                static_cast<std::size_t>(fault_address));
  watched->fail(text, {});
}

void handle(int number, siginfo_t* info, void* context) {
  if (!watched->in_thread() || watched->stack_overflowed_at(info->si_addr)) {
    std::signal(number, SIG_DFL);  // not the kernel's doing: the instruction is tried again, and ends the program
    return;
  }
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  fault_address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  fault_writes = (registers[REG_ERR] & 2) != 0;
  // As a call would enter it, below the red zone.
  registers[REG_RSP] = ((registers[REG_RSP] - 256) & ~15LL) - 8;
  registers[REG_RIP] = reinterpret_cast<std::intptr_t>(&after_fault);
}
#endif

}  // namespace

FaultsAreFailures::FaultsAreFailures([[maybe_unused]] Block& block) {
#if defined(__linux__) && defined(__x86_64__)
  watched = &block;
  static char stack[64 << 10];
  const stack_t alternative = {.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
  sigaltstack(&alternative, &stack_);
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &segv_);
  sigaction(SIGBUS, &action, &bus_);
#endif
}

FaultsAreFailures::~FaultsAreFailures() {
#if defined(__linux__) && defined(__x86_64__)
  sigaction(SIGSEGV, &segv_, nullptr);
  sigaction(SIGBUS, &bus_, nullptr);
  sigaltstack(&stack_, nullptr);
  watched = nullptr;
#endif
}

}  // namespace unstride::emulator
