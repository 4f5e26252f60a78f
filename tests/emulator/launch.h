// Runs a kernel as a GPU would: a grid of blocks, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/emulator/failure.h"
#include "tests/emulator/schedule.h"

namespace unstride::emulator {

struct Grid {
  unsigned x = 1, y = 1, z = 1;
  unsigned threads = 32;
  std::size_t shared_bytes = 0;
  bool shared_touches_front = false;  ///< the guard before shared memory; else the one behind it
};

/// Runs all blocks, or only `blocks` (x + grid.x * (y + grid.y * z)) where that is not empty.
/// Throws Failure with what the kernel did wrong, where it is seen: the block, the thread, the file and line of the
/// wrapper. A touch of memory beyond a guard (GuardedArray, shared memory) is such a failure.
void launch(const Grid& grid, Schedule schedule, const std::function<void()>& kernel,
            const std::vector<unsigned>& blocks = {});

}  // namespace unstride::emulator
