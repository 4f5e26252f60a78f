// Where ffma's threads read the inputs of their columns, for one tap after another: a window of registers that slides
// over shared memory, shared memory, or x itself where dilation spreads the taps too far for it.
//
// Columns 4*g .. 4*g + 3 of a thread lie side by side, and 4*column_threads after those of the column group before.
#pragma once

#include "templates/cuda/activation.h"
#include "templates/cuda/element.h"
#include "templates/cuda/ffma_tile.h"

namespace unstride::gpu {

/// The inputs of one channel. Tap t of column c is `delay + t*input_step` before it.
template <Layer layer, FfmaTile tile>
class FfmaInputs {
  using T = Sum<layer.element>;
  static constexpr int columns = 4 * tile.column_groups, group_step = 4 * tile.column_threads;
  static constexpr bool shares = tile.shares_input(layer), slides = tile.has_window(layer);
  static constexpr Index input_step = layer.polyphase().input_step();

 public:
  /// shared: tap 0 of the thread's first column, but for the delay. row, input: the same in x.
  __device__ __forceinline__ FfmaInputs(const Arguments& a, const T* shared, Index first_row, Index first_input,
                                        Index delay)
      : arguments(a), position(shares ? shared - delay : shared), row(first_row), input(first_input - delay) {}

  __device__ __forceinline__ void skip_taps(int count) {
    if constexpr (shares)
      position -= count * input_step;
    else
      input -= count * input_step;
  }
  __device__ __forceinline__ void next_channel() {
    if constexpr (shares)
      position += tile.input_pitch(layer);
    else
      ++row;
  }

  /// All that `count` taps read. Taps are read in any order.
  template <int count>
  struct Window {
    static constexpr int before = round_up((count - 1) * input_step, 4);
    T at[tile.column_groups][slides ? before + 4 : 1];
    const FfmaInputs& inputs;

    __device__ __forceinline__ void read(int tap, T (&x)[columns]) const {
#pragma unroll
      for (int c = 0; c < columns; ++c) {
        if constexpr (slides)
          x[c] = at[c / 4][before + c % 4 - tap * static_cast<int>(input_step)];
        else
          x[c] = inputs.read(c / 4 * group_step + c % 4, tap);
      }
    }
  };

  template <int count>
  __device__ __forceinline__ Window<count> window() const {
    Window<count> result = {{}, *this};
    if constexpr (slides) {
      constexpr int vector = 16 / sizeof(T), before = Window<count>::before;
#pragma unroll
      for (int g = 0; g < tile.column_groups; ++g)
#pragma unroll
        for (int i = 0; i < before + 4; i += vector) {
          const auto values = load<vector>(position + g * group_step + i - before);
#pragma unroll
          for (int v = 0; v < vector; ++v) result.at[g][i + v] = values.at[v];
        }
    }
    return result;
  }

 private:
  __device__ __forceinline__ T read(int column, int tap) const {
    if constexpr (shares) {
      return position[column - tap * input_step];
    } else {
      const Index i = input + column - tap * input_step;
      if (i < 0 || i >= arguments.input_length) return T{0};
      const auto* x = static_cast<const Stored<layer.element>*>(arguments.x);
      return activated<layer.prologue>(widened<layer.element>(x[row * arguments.input_pitch + i]));
    }
  }

  const Arguments& arguments;
  const T* position;
  Index row, input;
};

}  // namespace unstride::gpu
