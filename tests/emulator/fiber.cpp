#include "tests/emulator/fiber.h"

#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#define UNSTRIDE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNSTRIDE_ASAN 1
#endif
#endif

#if defined(UNSTRIDE_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace unstride::emulator {

namespace {

Fiber* starting = nullptr;

// What AddressSanitizer wants to know around a switch; nothing without it.
void before_switch([[maybe_unused]] void** fake, [[maybe_unused]] const void* bottom,
                   [[maybe_unused]] std::size_t bytes) {
#if defined(UNSTRIDE_ASAN)
  __sanitizer_start_switch_fiber(fake, bottom, bytes);
#endif
}
void after_switch([[maybe_unused]] void* fake, [[maybe_unused]] const void** bottom,
                  [[maybe_unused]] std::size_t* bytes) {
#if defined(UNSTRIDE_ASAN)
  __sanitizer_finish_switch_fiber(fake, bottom, bytes);
#endif
}

}  // namespace

// A dozen instructions, where swapcontext also asks the kernel for the signal mask: several times faster.
#if defined(__x86_64__)
extern "C" void unstride_switch_stack(void** save, void* to);
asm(R"(
.text
.globl unstride_switch_stack
.hidden unstride_switch_stack
.type unstride_switch_stack, @function
unstride_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size unstride_switch_stack, .-unstride_switch_stack
)");
#endif

Fiber::Fiber() : stack_(stack_bytes) {}

void Fiber::start(void (*entry)()) {
  entry_ = entry;
  inner_fake_ = nullptr;
#if defined(UNSTRIDE_ASAN)
  __asan_unpoison_memory_region(stack_.begin(), stack_.bytes());
#endif
#if defined(__x86_64__)
  // As a call would leave it: the return address below an address divisible by 16; then six registers.
  void** top = reinterpret_cast<void**>(stack_.end()) - 1;
  *--top = reinterpret_cast<void*>(&Fiber::begin);
  for (int saved = 0; saved < 6; ++saved) *--top = nullptr;
  inside_ = top;
#else
  getcontext(&inside_);
  inside_.uc_stack.ss_sp = stack_.begin();
  inside_.uc_stack.ss_size = stack_.bytes();
  inside_.uc_link = nullptr;
  makecontext(&inside_, &Fiber::begin, 0);
#endif
}

void Fiber::begin() {
  Fiber* self = starting;
  after_switch(nullptr, &self->outer_bottom_, &self->outer_bytes_);
  self->entry_();
  std::abort();
}

void Fiber::resume() {
  starting = this;
  before_switch(&outer_fake_, stack_.begin(), stack_.bytes());
#if defined(__x86_64__)
  unstride_switch_stack(&outside_, inside_);
#else
  swapcontext(&outside_, &inside_);
#endif
  after_switch(outer_fake_, nullptr, nullptr);
}

void Fiber::suspend() {
  before_switch(&inner_fake_, outer_bottom_, outer_bytes_);
#if defined(__x86_64__)
  unstride_switch_stack(&inside_, outside_);
#else
  swapcontext(&inside_, &outside_);
#endif
  after_switch(inner_fake_, &outer_bottom_, &outer_bytes_);
}

}  // namespace unstride::emulator
