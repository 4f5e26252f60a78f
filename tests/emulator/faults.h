// While it lives, a thread of the block that touches memory it may not touch fails, instead of the whole program.
// Elsewhere than on Linux and x86-64, it is still the program.
#pragma once

#include <csignal>

#include "tests/emulator/block.h"

namespace unstride::emulator {

class FaultsAreFailures {
 public:
  explicit FaultsAreFailures(Block& block);
  ~FaultsAreFailures();
  FaultsAreFailures(const FaultsAreFailures&) = delete;
  FaultsAreFailures& operator=(const FaultsAreFailures&) = delete;

 private:
  struct sigaction segv_ {
  }, bus_{};
  stack_t stack_{};
};

}  // namespace unstride::emulator
