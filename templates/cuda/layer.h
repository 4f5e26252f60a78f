// A layer as a kernel's constants, and the arguments of a launch: what the host and every kernel agree on. Generated
// sources fill Layer by field name, and the tile of their strategy (ffma_tile.h and others); the host includes these
// files too, so that it computes sizes of blocks, grids and shared memory by the very functions that the kernel uses.
// Plain C++20, no other header.
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

}  // namespace unstride::gpu
