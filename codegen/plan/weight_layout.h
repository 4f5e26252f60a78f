// How packed weights lie in memory, for every strategy alike.
//
// The rows of the layer's matrix product are (output channel, phase) pairs of one group. A tile function computes a
// fixed number of them at once. A RowRun is a set of tiles that one tile function serves: `blocks` blocks of `phases`
// phases (consecutive first taps), times `channel_tiles` tiles of `channels` channels. Within a tile, row
// channel*phases + phase. Weights lie as [group][run][block][channel tile][input channel][tap][row], biases as
// [group][run][block][channel tile][row]; rows past the last channel hold zeros and are never stored.
// Where tiles leave out taps, [tap][input channel][row], so that what is read lies together.
// Fast math takes weights in another order: runtime/cpu/pack_parts.cpp.
#pragma once

#include <cstdint>
#include <vector>

namespace unstride::plan {

struct RowRun {
  std::int64_t first_tap = 0;      ///< of the run's first phase
  std::int64_t blocks = 1;         ///< phase blocks
  std::int64_t phases = 1;         ///< in a block
  std::int64_t taps = 0;           ///< of the phase that has most
  std::int64_t channels = 1;       ///< output channels in a tile
  std::int64_t channel_tiles = 1;  ///< tiles that cover the group's output channels
  std::int64_t rows = 1;           ///< in a tile, with those that only fill up a vector

  std::int64_t tiles() const { return blocks * channel_tiles; }
  /// Of a tile: multiplications for each input channel and column.
  std::int64_t work() const { return taps * rows; }
  friend bool operator==(const RowRun&, const RowRun&) = default;
};

struct WeightLayout {
  std::vector<RowRun> runs;
  std::int64_t in_channels = 0;       ///< of one group
  std::int64_t channels_at_once = 1;  ///< in one step of the reduction: 2 in row_pairs, 32 in the matrix unit
  std::int64_t packed_channels = 0;   ///< in_channels, with zeros after them that fill up the last step
  bool taps_apart = false;            ///< [tap][input channel][row] within a tile
  std::int64_t parts = 0;             ///< of a weight, in bfloat16, for fast math; 0: elements of the arithmetic

  /// Elements of the arithmetic that the packed weights of one input channel take, in the mean.
  std::int64_t channel_weights(const RowRun& run) const {
    return parts == 0 ? run.taps * run.rows : run.taps * run.rows * parts / 2;
  }
  /// Elements between two input channels, and between two taps, of weights that are elements of the arithmetic.
  std::int64_t channel_step(const RowRun& run) const { return taps_apart ? run.rows : run.taps * run.rows; }
  std::int64_t tap_step(const RowRun& run) const { return taps_apart ? packed_channels * run.rows : run.rows; }
  std::int64_t tile_weights(const RowRun& run) const { return packed_channels * channel_weights(run); }
  std::int64_t tiles() const;          ///< of one group
  std::int64_t work() const;           ///< of them all
  std::int64_t group_weights() const;  ///< packed weights of one group
  std::int64_t group_biases() const;
  friend bool operator==(const WeightLayout&, const WeightLayout&) = default;
};

}  // namespace unstride::plan
