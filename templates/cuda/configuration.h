// What the host and a kernel agree on: the layer as constants, the arguments of a launch, and the tile of each
// strategy. Generated sources fill these structs by field name; the host includes this file too, so that sizes of
// blocks, grids and shared memory are computed by the very functions that the kernel uses. Plain C++20, no other
// header.
#pragma once

#include "templates/cuda/polyphase.h"

namespace unstride::gpu {

/// The type of x and y in memory. Sums are kept in double for float64, else in float; so are packed weights and biases
/// of the strict strategies.
enum class Element { float32, float64, float16, bfloat16 };

UNSTRIDE_HOST_DEVICE constexpr int size_of(Element element) {
  return element == Element::float64 ? 8 : element == Element::float32 ? 4 : 2;
}

enum class Function { none, relu, leaky_relu };

struct Activation {
  Function function = Function::none;
  double negative_slope = 0;  ///< leaky_relu only

  bool operator==(const Activation&) const = default;
};

/// One layer: the canonical spec in a kernel's terms. Channels are those of one group.
struct Layer {
  Index groups = 1;
  Index in_channels = 1;
  Index out_channels = 1;
  Index kernel_size = 1;
  Index stride = 1;
  Index dilation = 1;
  Index offset = 0;  ///< from output o to the grid: padding + trim at the start
  Element element = Element::float32;
  bool bias = false;
  Activation prologue = {};
  Activation epilogue = {};

  UNSTRIDE_HOST_DEVICE constexpr Polyphase polyphase() const { return {stride, dilation, kernel_size}; }
  UNSTRIDE_HOST_DEVICE constexpr int accumulator_bytes() const { return element == Element::float64 ? 8 : 4; }
  /// The first column that has outputs; Arguments::columns counts from here.
  UNSTRIDE_HOST_DEVICE constexpr Index first_column() const { return offset / stride; }

  bool operator==(const Layer&) const = default;
};

/// One call. A batch entry of x is groups*in_channels rows of input_length elements, input_pitch elements apart; y is
/// alike.
struct Arguments {
  const void* x = nullptr;
  const void* weights = nullptr;  ///< packed, as the strategy wants them
  const void* bias = nullptr;     ///< groups*out_channels sums; null where the layer has none
  void* y = nullptr;
  void* workspace = nullptr;  ///< for strategies that ask for one
  Index batch = 0;
  Index input_length = 0, output_length = 0;
  Index input_pitch = 0, output_pitch = 0;
  Index columns = 0;  ///< of the polyphase product, from Layer::first_column
};

/// The columns that outputs 0 to output_length - 1 lie in.
UNSTRIDE_HOST_DEVICE constexpr Index columns_of(const Layer& layer, Index output_length) {
  return (layer.offset + output_length - 1) / layer.stride - layer.first_column() + 1;
}

/// Threads that compute a thread's rows: neighbouring output channels of one phase, or neighbouring phases of one
/// channel, for layers of few channels.
enum class Rows { channels, phases };

/// ffma: the strict chain for any layer. A block computes a tile of (output channel, phase) rows by columns, a thread
/// `rows` of them by 4*column_groups columns, in registers over the whole reduction.
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
  UNSTRIDE_HOST_DEVICE constexpr int channels() const {
    return order == Rows::channels ? rows * row_threads : other_threads;
  }
  UNSTRIDE_HOST_DEVICE constexpr int phases() const {
    return order == Rows::phases ? rows * row_threads : other_threads;
  }

  UNSTRIDE_HOST_DEVICE constexpr Index channel_tiles(const Layer& layer) const {
    return ceil_div(layer.out_channels, channels());
  }
  UNSTRIDE_HOST_DEVICE constexpr Index phase_tiles(const Layer& layer) const {
    return ceil_div(layer.polyphase().phases(), phases());
  }
  UNSTRIDE_HOST_DEVICE constexpr Index row_tiles(const Layer& layer) const {
    return channel_tiles(layer) * phase_tiles(layer);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index column_tiles(Index number) const { return ceil_div(number, columns()); }
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return batch * layer.groups * row_tiles(layer) * column_tiles(number_of_columns);
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
    const Index taps = layer.polyphase().max_taps();
    return taps > 4 ? 1 : static_cast<int>(max(1, min(8, 127 / (taps * rows * 4 * column_groups))));
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
    const Index outputs = 4 * column_threads * phases();
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
    const Index count = order == Rows::channels ? layer.out_channels : layer.polyphase().phases();
    return round_up(count, 16 / layer.accumulator_bytes());
  }
  UNSTRIDE_HOST_DEVICE constexpr Index outer(const Layer& layer) const {
    return order == Rows::channels ? layer.polyphase().phases() : layer.out_channels;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index rows(const Layer& layer) const { return inner(layer) * outer(layer); }
  UNSTRIDE_HOST_DEVICE constexpr Index group_elements(const Layer& layer) const {
    return layer.in_channels * layer.polyphase().max_taps() * rows(layer);
  }
};

/// depthwise: layers with one input channel in each group, whose speed is that of memory. A thread computes `columns`
/// neighbouring columns of all phases of one output channel; a warp's outputs lie side by side.
struct DepthwiseTile {
  int columns = 4;  ///< of a thread
  int threads = 128;

  bool operator==(const DepthwiseTile&) const = default;

  UNSTRIDE_HOST_DEVICE constexpr int block_columns() const { return columns * threads; }
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return batch * layer.groups * layer.out_channels * ceil_div(number_of_columns, block_columns());
  }
  /// A warp's sums on their way to y, a word more after each 32.
  UNSTRIDE_HOST_DEVICE constexpr Index warp_elements(const Layer& layer) const {
    const Index sums = 32 * columns * layer.polyphase().phases();
    return sums + sums / 32 + 1;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index shared_bytes(const Layer& layer) const {
    return round_up(threads / 32 * warp_elements(layer) * layer.accumulator_bytes(), 16);
  }
};

}  // namespace unstride::gpu
