// What the emulator reports: a kernel did what a GPU would not forgive. Tests expect it, or let it end them.
#pragma once

#include <stdexcept>
#include <string>

namespace unstride::emulator {

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace unstride::emulator
