#include "tests/emulator/launch.h"

#include "tests/emulator/block.h"
#include "tests/emulator/device.h"
#include "tests/emulator/faults.h"

namespace unstride::emulator {

void launch(const Grid& grid, Schedule schedule, const std::function<void()>& kernel,
            const std::vector<unsigned>& blocks) {
  static Block block;  // keeps the stacks
  const FaultsAreFailures guard(block);
  gridDim = {grid.x, grid.y, grid.z};
  blockDim = {grid.threads, 1, 1};
  std::vector<unsigned> order;
  schedule.order(order, blocks.empty() ? std::size_t{grid.x} * grid.y * grid.z : blocks.size());
  for (const unsigned position : order) {
    const unsigned index = blocks.empty() ? position : blocks[position];
    blockIdx = {index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y};
    block.run(grid, kernel, schedule);
  }
}

}  // namespace unstride::emulator
