#include "tests/emulator/launch.h"

#include "tests/emulator/block.h"
#include "tests/emulator/device.h"
#include "tests/emulator/faults.h"

namespace unstride::emulator {

void launch(const Grid& grid, Schedule schedule, const std::function<void()>& kernel) {
  static Block block;  // keeps the stacks
  const FaultsAreFailures guard(block);
  gridDim = {grid.x, grid.y, grid.z};
  blockDim = {grid.threads, 1, 1};
  std::vector<unsigned> order;
  schedule.order(order, std::size_t{grid.x} * grid.y * grid.z);
  for (const unsigned index : order) {
    blockIdx = {index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y};
    block.run(grid.threads, grid.shared_bytes, kernel, schedule);
  }
}

}  // namespace unstride::emulator
