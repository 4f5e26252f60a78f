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

  /// Stores `channels` channels, by the first threads of the block: row is the first one's in y, bias_row its bias. A
  /// barrier must stand before.
  static __device__ __forceinline__ void store(const Arguments& arguments, const T* sums, int channels, Index row,
                                               Index bias_row, Index first_column, int first_phase) {
    const int thread = threadIdx.x;
    if (teams * team < threads && thread >= teams * team) return;
#pragma unroll 1
    for (int channel = thread / team; channel < channels; channel += teams) {
      T bias = 0;
      if constexpr (layer.bias && polyphase.has_bias_only_phases())
        bias = static_cast<const T*>(arguments.bias)[bias_row + channel];
      if constexpr (merged)
        store_one(arguments, sums + channel * pitch, row + channel, bias, first_column, thread % team);
      else
        store_phases(arguments, sums + channel * pitch, row + channel, bias, first_column, first_phase, thread % team);
    }
  }

  /// One channel with all phases, by threads 0 to team - 1.
  static __device__ __forceinline__ void store_one(const Arguments& arguments, const T* sums, Index row, T bias,
                                                   Index first_column, int thread) {
    static_assert(merged);
    const Index first_output = first_column * layer.stride - layer.offset;
    const int begin = clamped(-first_output, outputs), end = clamped(arguments.output_length - first_output, outputs);
    const Index to = row * arguments.output_pitch + first_output;
#pragma unroll 4
    for (int place = thread; place < outputs; place += team) {
      if (place < begin || place >= end) continue;
      T sum;
      if constexpr (contiguous) {
        sum = sums[skewed(place)];
      } else {
        const int first_tap = static_cast<int>(first_tap_of(place % span));
        sum = first_tap < 0 ? bias : sums[skewed(place / span * phases + first_tap)];
      }
      write(arguments, to + place, sum);
    }
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
  static __device__ __forceinline__ void write(const Arguments& arguments, Index element, T sum) {
    auto* y = static_cast<Stored<layer.element>*>(arguments.y);
    y[element] = rounded<layer.element>(activated<layer.epilogue>(sum));
  }

  // The tile's own phases, and with the first of them the outputs that no phase has.
  static __device__ __forceinline__ void store_phases(const Arguments& arguments, const T* sums, Index row, T bias,
                                                      Index first_column, int first_phase, int thread) {
    constexpr Polyphase of_layer = polyphase;
    const int present = clamped(of_layer.phases() - first_phase, phases);
    const Index to = row * arguments.output_pitch;
#pragma unroll 2
    for (int place = thread; place < outputs; place += team) {
      const int phase = place % phases;
      const Index output =
          (first_column + place / phases) * layer.stride + of_layer.phase(first_phase + phase) - layer.offset;
      if (phase < present && output >= 0 && output < arguments.output_length)
        write(arguments, to + output, sums[skewed(place)]);
    }
    if constexpr (polyphase.has_bias_only_phases()) {
      if (first_phase != 0) return;
      const Index first = first_column * layer.stride - layer.offset, last = first + columns * layer.stride;
      const Index end = last < arguments.output_length ? last : arguments.output_length;
#pragma unroll 1
      for (Index output = (first < 0 ? 0 : first) + thread; output < end; output += team)
        if (first_tap_of((output + layer.offset) % layer.stride) < 0) write(arguments, to + output, bias);
    }
  }
};

}  // namespace unstride::gpu
