// What memory holds that has not been written: all bits set, a NaN in every floating-point type.
#pragma once

#include <cstddef>
#include <cstring>

namespace unstride::emulator {

inline void poison(void* at, std::size_t bytes) {
  std::memset(at, 0xff, bytes);
}

}  // namespace unstride::emulator
