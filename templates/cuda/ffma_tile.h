// The tile of ffma, and its packed weights: what host and kernel agree on. ffma.h has the idea.
#pragma once

#include "templates/cuda/block.h"

namespace unstride::gpu {

/// A block computes a tile of (output channel, phase) rows by columns, a thread `rows` of them by 4*column_groups
/// columns, in registers over the whole reduction.
struct FfmaTile {
  Rows order = Rows::channels;
  int rows = 8;                       ///< of a thread: neighbours in `order`
  int row_threads = 16;               ///< in a block, along `order`
  int other_threads = 1;              ///< in a block, along the other of channels and phases
  int column_groups = 2;              ///< of a thread, four columns each
  int column_threads = 16;            ///< in a block
  int channel_block = 8;              ///< input channels that shared memory holds at a time, twice
  int tap_block = 0;                  ///< taps that it holds of one channel, a multiple of 4; 0: all of them
  int blocks_per_multiprocessor = 1;  ///< that registers must leave room for

  bool operator==(const FfmaTile&) const = default;

  UNSTRIDE_HOST_DEVICE constexpr int threads() const { return row_threads * other_threads * column_threads; }
  UNSTRIDE_HOST_DEVICE constexpr int columns() const { return 4 * column_groups * column_threads; }
  UNSTRIDE_HOST_DEVICE constexpr int tile_rows() const { return rows * row_threads * other_threads; }
  UNSTRIDE_HOST_DEVICE constexpr BlockShape shape() const {
    return {order, rows * row_threads, other_threads, columns()};
  }
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return shape().blocks(layer, batch, number_of_columns);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index taps_in_memory(const Layer& layer) const {
    return tap_block == 0 ? layer.polyphase().max_taps() : min(tap_block, layer.polyphase().max_taps());
  }
  UNSTRIDE_HOST_DEVICE constexpr Index channels_in_memory(const Layer& layer) const {
    return min(channel_block, layer.in_channels);
  }
  /// Inputs before the tile's first column that the taps in memory read, a multiple of 4.
  UNSTRIDE_HOST_DEVICE constexpr Index halo(const Layer& layer) const {
    const Polyphase p = layer.polyphase();
    return round_up((taps_in_memory(layer) - 1) * p.input_step() + p.max_delay(), 4);
  }
  /// Whether inputs pass through shared memory. Where dilation spreads them too far, threads read x itself.
  UNSTRIDE_HOST_DEVICE constexpr bool shares_input(const Layer& layer) const {
    const Polyphase p = layer.polyphase();
    return p.input_step() <= 64 && p.max_delay() <= 256 && halo(layer) <= 1024;
  }
  /// Whether a thread keeps the inputs of four neighbouring taps in registers.
  UNSTRIDE_HOST_DEVICE constexpr bool has_window(const Layer& layer) const {
    return shares_input(layer) && layer.polyphase().max_delay() == 0 && layer.polyphase().input_step() <= 2;
  }
  /// Channels of one round of the reduction's loop: operands of the next are loaded while the first are multiplied.
  UNSTRIDE_HOST_DEVICE constexpr int unrolled_channels(const Layer& layer) const {
    const Index taps = layer.polyphase().max_taps(), products = taps * rows * 4 * column_groups;
    if (taps > 4) return 1;
    return unroll_factor(max(min(256 / products, products < 16 ? 8 : 4), 2));
  }
  /// Elements of the arithmetic.
  UNSTRIDE_HOST_DEVICE constexpr Index input_pitch(const Layer& layer) const { return columns() + halo(layer); }
  UNSTRIDE_HOST_DEVICE constexpr Index input_elements(const Layer& layer) const {
    return shares_input(layer) ? channels_in_memory(layer) * input_pitch(layer) : 0;
  }
  /// Inputs that a thread holds while the stage before is multiplied, where so many threads fetch a channel side by
  /// side.
  UNSTRIDE_HOST_DEVICE constexpr Index held_by(const Layer& layer, int lanes) const {
    return ceil_div(input_pitch(layer), lanes) * ceil_div(channels_in_memory(layer), threads() / lanes);
  }
  UNSTRIDE_HOST_DEVICE constexpr int fetch_lanes(const Layer& layer) const {
    int best = 32;
    for (int lanes = 16; lanes >= 8; lanes /= 2)
      if (held_by(layer, lanes) < held_by(layer, best)) best = lanes;
    return best;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index held_inputs(const Layer& layer) const {
    return shares_input(layer) ? held_by(layer, fetch_lanes(layer)) : 0;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index weight_elements(const Layer& layer) const {
    return round_up(channels_in_memory(layer) * taps_in_memory(layer) * tile_rows(), 4);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index stage_elements(const Layer& layer) const {
    return weight_elements(layer) + input_elements(layer);
  }
  /// One channel's outputs of one column group on their way to y, a word more after each 32: neighbouring lanes then
  /// use different banks.
  UNSTRIDE_HOST_DEVICE constexpr Index output_pitch() const {
    const Index outputs = 4 * column_threads * shape().phases;
    return outputs + outputs / 32 + 1;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index shared_elements(const Layer& layer) const {
    return max(2 * stage_elements(layer), output_pitch());
  }
  /// Of dynamic shared memory.
  UNSTRIDE_HOST_DEVICE constexpr Index shared_bytes(const Layer& layer) const {
    return round_up(shared_elements(layer) * layer.accumulator_bytes(), 16);
  }
};

/// ffma's packed weights, [group][input channel][tap][row], whatever the tile: a row is (phase, channel) for
/// Rows::channels and (channel, phase) for Rows::phases, the second of each padded with zeros to 16 bytes.
struct FfmaWeights {
  Rows order = Rows::channels;

  UNSTRIDE_HOST_DEVICE constexpr Index inner(const Layer& layer) const {
    return round_up(inner_row_count(order, layer), 16 / layer.accumulator_bytes());
  }
  UNSTRIDE_HOST_DEVICE constexpr Index outer(const Layer& layer) const { return outer_row_count(order, layer); }
  UNSTRIDE_HOST_DEVICE constexpr Index rows(const Layer& layer) const { return inner(layer) * outer(layer); }
  UNSTRIDE_HOST_DEVICE constexpr Index group_elements(const Layer& layer) const {
    return layer.in_channels * layer.polyphase().max_taps() * rows(layer);
  }
};

}  // namespace unstride::gpu
