// From sums by (column, phase) to outputs by index, through shared memory: neighbouring threads then write neighbouring
// outputs, whatever the stride. Epilogue and rounding happen here, and phases without taps get the bias.
#pragma once

#include "templates/cuda/activation.h"
#include "templates/cuda/element.h"

namespace unstride::gpu {

/// `phases` neighbouring first taps of `columns` neighbouring columns; all of the layer's where `all_phases`. `threads`
/// threads take part.
template <Layer layer, int phases, bool all_phases, int columns, int threads>
struct Interleave {
  using T = Sum<layer.element>;
  static constexpr Polyphase polyphase = layer.polyphase();

  /// A word more after each 32: lanes whose columns are a few words apart hit different banks.
  static __device__ __forceinline__ constexpr int skewed(int place) { return place + place / 32; }
  /// Elements of one channel.
  static constexpr int pitch = columns * phases + columns * phases / 32 + 1;

  static __device__ __forceinline__ T& place(T* channel, int column, int phase) {
    return channel[skewed(column * phases + phase)];
  }
  static __device__ __forceinline__ void put(T* channel, int column, int phase, T sum) {
    place(channel, column, phase) = sum;
  }

  /// Stores `channels` channels, most_channels or fewer, by the first threads of the block: row is the first one's in
  /// y, bias_row its bias. A barrier must stand before.
  template <int most_channels>
  static __device__ __forceinline__ void store(const Arguments& arguments, const T* sums, int channels, Index row,
                                               Index bias_row, Index first_column, int first_phase) {
    const int thread = threadIdx.x;
    if (teams * team < threads && thread >= teams * team) return;
    const auto bias = [&](int channel) {
      return layer.bias ? static_cast<const T*>(arguments.bias)[bias_row + channel] : T{0};
    };
    const Channels of_team = {thread / team, channels, row};
    if constexpr (merged)
      store_merged<most_channels>(arguments, sums, of_team, bias, first_column, thread % team);
    else
      store_phases<most_channels>(arguments, sums, of_team, bias, first_column, first_phase, thread % team);
  }

  /// One channel with all phases, by threads 0 to team - 1.
  static __device__ __forceinline__ void store_one(const Arguments& arguments, const T* sums, Index row, T bias,
                                                   Index first_column, int thread) {
    static_assert(merged && teams == 1);
    store_merged<1>(
        arguments, sums, {0, 1, row}, [&](int) { return bias; }, first_column, thread);
  }

 private:
  /// One pass writes all outputs of the columns, those without taps among them.
  static constexpr bool merged = all_phases && layer.stride <= 64;
  /// Sums lie in the order of outputs.
  static constexpr bool contiguous =
      merged && layer.dilation == 1 && polyphase.phases() == layer.stride && phases == layer.stride;

  // Each channel belongs to a team of threads.
  static constexpr int span = merged ? layer.stride : phases;
  static constexpr int outputs = columns * span;
  static constexpr int team = round_up(outputs, 32) < threads ? round_up(outputs, 32) : threads;
  static constexpr int teams = threads / team;

  /// Polyphase::first_tap, with all that depends on the layer alone computed by the compiler.
  template <typename Integer>
  static __device__ __forceinline__ Integer first_tap_of(Integer phase) {
    if constexpr (layer.dilation == 1) return phase < layer.kernel_size ? phase : -1;
    constexpr Integer common = gcd(layer.stride, layer.dilation), step = layer.stride / common;
    constexpr Integer factor = inverse(layer.dilation / common % step, step);
    const Integer first = phase / common % step * factor % step;
    return phase % common == 0 && first < layer.kernel_size ? first : -1;
  }
  /// Those that a team stores: `first`, and every teams-th after it, below `end`. row: of channel 0 in y.
  struct Channels {
    int first, end;
    Index row;
  };
  /// One output of each channel: sum(channel), where `output` lies in a row of y. What depends on the output alone is
  /// computed once for all channels, which takes far longer than the store.
  template <int most_channels, typename Value>
  static __device__ __forceinline__ void store_output(const Arguments& arguments, Channels channels, Index output,
                                                      const Value& value) {
    const Index step = teams * arguments.output_pitch;
    auto* y = static_cast<Stored<layer.element>*>(arguments.y) +
              (channels.row + channels.first) * arguments.output_pitch + output;
#pragma unroll(most_channels == 1 ? 1 : 4)
    for (int channel = channels.first; channel < channels.end; channel += teams, y += step)
      *y = rounded<layer.element>(activated<layer.epilogue>(value(channel)));
  }

  template <int most_channels, typename Bias>
  static __device__ __forceinline__ void store_merged(const Arguments& arguments, const T* sums, Channels channels,
                                                      const Bias& bias, Index first_column, int thread) {
    const Index first_output = first_column * layer.stride - layer.offset;
    const int begin = clamped(-first_output, outputs), end = clamped(arguments.output_length - first_output, outputs);
#pragma unroll(most_channels == 1 ? 2 : 1)
    for (int place = thread; place < outputs; place += team) {
      if (place < begin || place >= end) continue;
      const int first_tap = contiguous ? place % span : static_cast<int>(first_tap_of(place % span));
      const T* from = sums + skewed(contiguous ? place : place / span * phases + first_tap);
      store_output<most_channels>(arguments, channels, first_output + place, [&](int channel) {
        return !contiguous && first_tap < 0 ? bias(channel) : from[channel * pitch];
      });
    }
  }

  // The tile's own phases, and with the first of them the outputs that no phase has.
  template <int most_channels, typename Bias>
  static __device__ __forceinline__ void store_phases(const Arguments& arguments, const T* sums, Channels channels,
                                                      const Bias& bias, Index first_column, int first_phase,
                                                      int thread) {
    constexpr Polyphase of_layer = polyphase;
    const int present = clamped(of_layer.phases() - first_phase, phases);
#pragma unroll(most_channels == 1 ? 2 : 1)
    for (int place = thread; place < outputs; place += team) {
      const int phase = place % phases;
      const Index output =
          (first_column + place / phases) * layer.stride + of_layer.phase(first_phase + phase) - layer.offset;
      const T* from = sums + skewed(place);
      if (phase < present && output >= 0 && output < arguments.output_length)
        store_output<most_channels>(arguments, channels, output, [&](int channel) { return from[channel * pitch]; });
    }
    if constexpr (polyphase.has_bias_only_phases()) {
      if (first_phase != 0) return;
      const Index first = first_column * layer.stride - layer.offset, last = first + columns * layer.stride;
      const Index end = last < arguments.output_length ? last : arguments.output_length;
#pragma unroll 1
      for (Index output = (first < 0 ? 0 : first) + thread; output < end; output += team)
        if (first_tap_of((output + layer.offset) % layer.stride) < 0)
          store_output<most_channels>(arguments, channels, output, bias);
    }
  }
};

}  // namespace unstride::gpu
