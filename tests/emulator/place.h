// Where a kernel calls a wrapper: what failures name, and what tells two barriers apart.
#pragma once

namespace unstride::emulator {

struct Place {
  const char* file = "";
  int line = 0;
};

}  // namespace unstride::emulator
