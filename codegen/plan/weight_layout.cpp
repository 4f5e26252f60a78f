#include "codegen/plan/weight_layout.h"

namespace unstride::plan {

std::int64_t WeightLayout::tiles() const {
  std::int64_t sum = 0;
  for (const RowRun& run : runs) sum += run.tiles();
  return sum;
}

std::int64_t WeightLayout::work() const {
  std::int64_t sum = 0;
  for (const RowRun& run : runs) sum += run.tiles() * run.work();
  return sum;
}

std::int64_t WeightLayout::group_weights() const {
  std::int64_t sum = 0;
  for (const RowRun& run : runs) sum += run.tiles() * tile_weights(run);
  return sum;
}

std::int64_t WeightLayout::group_biases() const {
  std::int64_t sum = 0;
  for (const RowRun& run : runs) sum += run.tiles() * run.rows;
  return sum;
}

}  // namespace unstride::plan
