// Weights as the matrix unit reads them: bfloat16 parts (codegen/plan/bfloat16_parts.h), for each tile
//
//   [32 input channels][tap][part][16 rows][16 pairs of channels][row][channel of the pair]
//
// Biases are as ever.
#include <algorithm>
#include <vector>

#include "codegen/plan/bfloat16_parts.h"
#include "runtime/cpu/pack_weights.h"
#include "unstride/element.hpp"

namespace unstride::cpu {

void pack_tile_parts(const plan::WeightLayout& layout, const plan::RowRun& run, const float* weights, void* packed) {
  constexpr std::int64_t size = plan::AmxTiles::size, block = plan::AmxTiles::channels;
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
              ((ci / block * run.taps + tap) * layout.parts + part) * (run.rows / size) + row / size;
          const std::int64_t pair = ci % block / 2;
          to[((matrix * size + pair) * size + row % size) * 2 + ci % 2] = nearest;
        }
      }
}

}  // namespace unstride::cpu
