// Which part of the product a block computes, in the strategies whose blocks are tiles of rows (output channel, phase)
// by columns. What host and kernel agree on.
#pragma once

#include "templates/cuda/layer.h"

namespace unstride::gpu {

/// Which rows are neighbours, in a thread's registers and in packed weights: output channels of one phase, or, for
/// layers of few channels, phases of one channel. They are the inner ones, the other of channels and phases the outer.
enum class Rows { channels, phases };

UNSTRIDE_HOST_DEVICE constexpr Index inner_row_count(Rows order, const Layer& layer) {
  return order == Rows::channels ? layer.out_channels : layer.polyphase().phases();
}
UNSTRIDE_HOST_DEVICE constexpr Index outer_row_count(Rows order, const Layer& layer) {
  return order == Rows::channels ? layer.polyphase().phases() : layer.out_channels;
}

/// What a block computes.
struct BlockShape {
  int channels, phases, columns;

  UNSTRIDE_HOST_DEVICE constexpr BlockShape(Rows order, int inner, int outer, int number_of_columns)
      : channels(order == Rows::channels ? inner : outer),
        phases(order == Rows::channels ? outer : inner),
        columns(number_of_columns) {}

  UNSTRIDE_HOST_DEVICE constexpr Index phase_tiles(const Layer& layer) const {
    return ceil_div(layer.polyphase().phases(), phases);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index row_tiles(const Layer& layer) const {
    return ceil_div(layer.out_channels, channels) * phase_tiles(layer);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index column_tiles(Index number_of_columns) const {
    return ceil_div(number_of_columns, columns);
  }
  /// Of a grid.
  UNSTRIDE_HOST_DEVICE constexpr Index blocks(const Layer& layer, Index batch, Index number_of_columns) const {
    return batch * layer.groups * row_tiles(layer) * column_tiles(number_of_columns);
  }
};

/// Where in a call its first output lies.
struct BlockPlace {
  int group;
  int channel, phase;  ///< of the group
  Index column;
  Index input_row, output_row;  ///< of the group's first channel: batch and group

  /// Of the block of this number. Neighbouring blocks share columns: their inputs are read at about the same time.
  template <Layer layer, BlockShape shape>
  static UNSTRIDE_HOST_DEVICE constexpr BlockPlace of(unsigned block, Index number_of_columns) {
    constexpr unsigned row_tiles = shape.row_tiles(layer), phase_tiles = shape.phase_tiles(layer);
    const unsigned column_tiles = shape.column_tiles(number_of_columns);
    const unsigned row_tile = block % row_tiles, rest = block / row_tiles;
    const unsigned batch_and_group = rest / column_tiles;
    BlockPlace place = {};
    place.group = batch_and_group % static_cast<unsigned>(layer.groups);
    place.channel = row_tile / phase_tiles * shape.channels;
    place.phase = row_tile % phase_tiles * shape.phases;
    place.column = layer.first_column() + Index{rest % column_tiles} * shape.columns;
    place.input_row = Index{batch_and_group} * layer.in_channels;
    place.output_row = Index{batch_and_group} * layer.out_channels;
    return place;
  }
};

/// Which of the neighbouring inputs that a block reads lie in x.
struct Inside {
  int begin, end;  ///< positions among them

  /// Of `count` inputs from `first` on, where x has `length`.
  static UNSTRIDE_HOST_DEVICE constexpr Inside of(Index first, Index length, int count) {
    return {clamped(-first, count), clamped(length - first, count)};
  }
  UNSTRIDE_HOST_DEVICE constexpr bool operator()(int position) const { return position >= begin && position < end; }
};

}  // namespace unstride::gpu
