// A function that can be left in the middle and entered again: one for each thread of an emulated block, all on one
// thread of the operating system. AddressSanitizer is told of every switch.
#pragma once

#include "tests/emulator/mapped_memory.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace unstride::emulator {

class Fiber {
 public:
  static constexpr std::size_t stack_bytes = std::size_t{256} << 10;  // touched as far as it is used

  Fiber();

  /// The next resume calls entry, which must not return. What an earlier function left behind is dropped, without
  /// destructors.
  void start(void (*entry)());
  /// From outside: runs the fiber until it suspends.
  void resume();
  /// From inside: goes back to where resume was called.
  void suspend();

  bool overflowed_at(const void* address) const { return stack_.guards(address); }

 private:
#if defined(__x86_64__)
  using Context = void*;  // the stack pointer; everything else is on the stack
#else
  using Context = ucontext_t;
#endif
  static void begin();

  MappedMemory stack_;
  Context inside_{}, outside_{};
  void (*entry_)() = nullptr;
  // AddressSanitizer's: the stacks of detect_stack_use_after_return, and the outer stack.
  void *inner_fake_ = nullptr, *outer_fake_ = nullptr;
  const void* outer_bottom_ = nullptr;
  std::size_t outer_bytes_ = 0;
};

}  // namespace unstride::emulator
