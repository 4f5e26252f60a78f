// The second half of "matrix product, then overlap-add": sums the tap products of one output channel into its row.
//
// Written so as not to scatter. With u = o + padding + trim[0] = q*stride + r, tap j reaches the outputs of phase
// r = (j*dilation) mod stride, and there product column i = q - j*dilation/stride. So each phase is a sum of shifted
// rows, which vectorises, and the phases of a block of q are interleaved into the output at the end.
#pragma once

#include <cstdint>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride::bench {

class OverlapAdd {
 public:
  OverlapAdd(const LayerSpec& spec, std::int64_t output_length);

  /// Rows of one output channel: row j holds scale[j] times columns [first, first + count) of tap j's products. Without
  /// scales (null) they count as 1.
  struct Rows {
    const float* data = nullptr;
    std::int64_t pitch = 0;  ///< between rows; 0 makes every tap read the same row, as a depthwise layer does
    std::int64_t first = 0, count = 0;
    const float* scale = nullptr;
  };

  /// Writes the outputs that belong to q in [begin, end) into the channel's row y of output_length elements.
  void run(const Rows& rows, float bias, std::int64_t begin, std::int64_t end, float* y) const;

  std::int64_t q_begin() const { return offset_ / stride_; }
  std::int64_t q_end() const { return (output_length_ - 1 + offset_) / stride_ + 1; }
  std::int64_t max_shift() const { return max_shift_; }  ///< q reads the columns [q - max_shift(), q]

 private:
  struct Tap {
    std::int64_t index, shift;
  };

  std::int64_t stride_, offset_, output_length_;
  std::int64_t chunk_;  // values of q summed at a time: the phases of a chunk fit the first-level cache
  std::int64_t max_shift_ = 0;
  std::vector<std::vector<Tap>> phases_;
};

}  // namespace unstride::bench
