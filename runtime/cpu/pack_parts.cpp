// Weights as fast math reads them: bfloat16 parts (codegen/plan/bfloat16_parts.h), for each tile
//
//   [step of the reduction][tap][part][16 rows][pair of the step's channels][row][channel of the pair]
//
// A step is 32 input channels in the matrix unit, and two in row_pairs.
// Biases are as ever.
#include <algorithm>
#include <vector>

#include "codegen/plan/bfloat16_parts.h"
#include "runtime/cpu/pack_weights.h"
#include "unstride/element.hpp"

namespace unstride::cpu {

void pack_tile_parts(const plan::WeightLayout& layout, const plan::RowRun& run, const float* weights, void* packed) {
  constexpr std::int64_t size = 16;  // rows of a matrix, and lanes of a vector
  const std::int64_t step = layout.channels_at_once;
  auto* to = static_cast<BFloat16*>(packed);
  std::fill_n(to, layout.packed_channels * run.taps * run.rows * layout.parts, BFloat16());
  for (std::int64_t ci = 0; ci < layout.in_channels; ++ci)
    for (std::int64_t tap = 0; tap < run.taps; ++tap)
      for (std::int64_t row = 0; row < run.rows; ++row) {
        float rest = weights[(ci * run.taps + tap) * run.rows + row];
        for (std::int64_t part = 0; part < layout.parts; ++part) {
          const BFloat16 nearest(rest);
          rest -= static_cast<float>(nearest);
          const std::int64_t matrix =
              ((ci / step * run.taps + tap) * layout.parts + part) * (run.rows / size) + row / size;
          const std::int64_t pair = ci % step / 2;
          to[((matrix * step / 2 + pair) * size + row % size) * 2 + ci % 2] = nearest;
        }
      }
}

}  // namespace unstride::cpu
