// From sums by (column, phase) to outputs by index, through shared memory: neighbouring threads then write neighbouring
// outputs, whatever the stride. Epilogue and rounding happen here, and phases without taps get the bias.
#pragma once

#include "templates/cuda/activation.h"
#include "templates/cuda/element.h"

namespace unstride::gpu {

/// Numbers of outputs of a tile: those of huge strides need 64 bits.
template <bool is_far>
struct DistanceType {
  using Type = int;
};
template <>
struct DistanceType<true> {
  using Type = Index;
};

/// `phases` neighbouring first taps of `columns` neighbouring columns; all of the layer's where `all_phases`. `threads`
/// threads take part.
template <Layer layer, int phases, bool all_phases, int columns, int threads>
struct Interleave {
  using T = Sum<layer.element>;
  static constexpr Polyphase polyphase = layer.polyphase();

  /// A word more after each 32: lanes whose columns are a few words apart hit different banks. Without a sign, since a
  /// signed quotient takes four instructions.
  static __device__ __forceinline__ constexpr unsigned skewed(unsigned place) { return place + place / 32; }
  /// Elements of one channel.
  static constexpr int pitch = columns * phases + columns * phases / 32 + 1;

  static __device__ __forceinline__ T& place(T* channel, int column, int phase) {
    return channel[skewed(static_cast<unsigned>(column * phases + phase))];
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
    const Outputs outputs(arguments, thread / team, channels, row, first_column);
    if constexpr (merged)
      store_merged<most_channels>(outputs, sums, bias, thread % team);
    else
      store_phases<most_channels>(outputs, sums, bias, first_phase, thread % team);
  }

  /// One channel with all phases, by threads 0 to team - 1.
  static __device__ __forceinline__ void store_one(const Arguments& arguments, const T* sums, Index row, T bias,
                                                   Index first_column, int thread) {
    static_assert(merged && teams == 1);
    store_merged<1>(
        Outputs(arguments, 0, 1, row, first_column), sums, [&](int) { return bias; }, thread);
  }

 private:
  /// One pass writes all outputs of the columns, those without taps among them.
  static constexpr bool merged = all_phases && layer.stride <= 64;
  /// Sums lie in the order of outputs.
  static constexpr bool contiguous =
      merged && layer.dilation == 1 && polyphase.phases() == layer.stride && phases == layer.stride;

  // Each channel belongs to a team of threads.
  static constexpr int span = merged ? layer.stride : phases;
  static constexpr int places = columns * span;
  static constexpr int team = round_up(places, 32) < threads ? round_up(places, 32) : threads;
  static constexpr int teams = threads / team;
  /// How many sums a thread reads before it stores the first: reading one takes as long as storing ten.
  static constexpr int at_once = 8;

  /// From the first column's phase 0, on the grid of outputs.
  using Distance = typename DistanceType<(columns * layer.stride > 1 << 28)>::Type;

  /// A team's outputs in y.
  struct Outputs {
    Stored<layer.element>* y;  ///< at distance 0 of the team's first channel
    Index step;                ///< to its next channel
    int channel, channels;     ///< the first one, and every teams-th below `channels`
    Distance begin, end;       ///< which distances lie in a row

    __device__ __forceinline__ Outputs(const Arguments& arguments, int first_channel, int all_channels, Index row,
                                       Index first_column)
        : step(teams * arguments.output_pitch), channel(first_channel), channels(all_channels) {
      const Index first = first_column * layer.stride - layer.offset;
      y = static_cast<Stored<layer.element>*>(arguments.y) + (row + channel) * arguments.output_pitch + first;
      begin = static_cast<Distance>(max(-first, 0));
      end = static_cast<Distance>(max(min(arguments.output_length - first, columns * layer.stride), 0));
    }
    __device__ __forceinline__ bool has(Distance at) const { return at >= begin && at < end; }
  };

  /// Polyphase::first_tap, with all that depends on the layer alone computed by the compiler.
  template <typename Integer>
  static __device__ __forceinline__ Integer first_tap_of(Integer phase) {
    if constexpr (layer.dilation == 1) return phase < layer.kernel_size ? phase : -1;
    constexpr Integer common = gcd(layer.stride, layer.dilation), step = layer.stride / common;
    constexpr Integer factor = inverse(layer.dilation / common % step, step);
    const Integer first = phase / common % step * factor % step;
    return phase % common == 0 && first < layer.kernel_size ? first : -1;
  }

  /// Stores sum(i, channel) at at[i], where it exists, for each channel of the team. What depends on the place alone is
  /// computed once for all channels, which takes longer than a store.
  template <int most_channels, int count, typename SumOf>
  static __device__ __forceinline__ void store_at(const Outputs& outputs, const Distance (&at)[count],
                                                  const bool (&exists)[count], const SumOf& sum) {
    constexpr int of_team = ceil_div(most_channels, teams), batch = min(of_team, at_once / count);
    auto* y = outputs.y;
    const auto store_batch = [&](int first) {
      T sums[batch][count];
#pragma unroll
      for (int k = 0; k < batch; ++k)
#pragma unroll
        for (int i = 0; i < count; ++i)
          if (exists[i] && first + k * teams < outputs.channels) sums[k][i] = sum(i, first + k * teams);
#pragma unroll
      for (int k = 0; k < batch; ++k, y += outputs.step)
#pragma unroll
        for (int i = 0; i < count; ++i)
          if (exists[i] && first + k * teams < outputs.channels)
            y[at[i]] = rounded<layer.element>(activated<layer.epilogue>(sums[k][i]));
    };
    if constexpr (of_team == batch) {
      store_batch(outputs.channel);
    } else {
#pragma unroll 1
      for (int first = outputs.channel; first < outputs.channels; first += batch * teams) store_batch(first);
    }
  }

  /// Places of a thread that are stored together: fewer where it has several channels of each.
  template <int most_channels>
  static constexpr int places_at_once = max(1, min(4 / ceil_div(most_channels, teams), ceil_div(places, team)));

  template <int most_channels, typename Bias>
  static __device__ __forceinline__ void store_merged(const Outputs& outputs, const T* sums, const Bias& bias,
                                                      int thread) {
    constexpr int count = places_at_once<most_channels>;
#pragma unroll 1
    for (unsigned first = thread; first < places; first += count * team) {
      Distance at[count];
      bool exists[count], has_taps[count];
      const T* from[count];
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const unsigned place = first + i * team;
        const int first_tap = static_cast<int>(first_tap_of(static_cast<Distance>(place % span)));
        at[i] = place;
        exists[i] = outputs.has(at[i]);
        has_taps[i] = contiguous || first_tap >= 0;
        from[i] = sums + skewed(contiguous ? place : place / span * phases + (first_tap < 0 ? 0 : first_tap));
      }
      store_at<most_channels>(outputs, at, exists, [&](int i, int channel) {
        return has_taps[i] ? from[i][channel * pitch] : bias(channel);
      });
    }
  }

  // The tile's own phases, and with the first of them the outputs that no phase has.
  template <int most_channels, typename Bias>
  static __device__ __forceinline__ void store_phases(const Outputs& outputs, const T* sums, const Bias& bias,
                                                      int first_phase, int thread) {
    constexpr Polyphase of_layer = polyphase;
    constexpr int count = places_at_once<most_channels>;
    const int present = clamped(of_layer.phases() - first_phase, phases);
#pragma unroll 1
    for (unsigned first = thread; first < places; first += count * team) {
      Distance at[count];
      bool exists[count];
      const T* from[count];
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const unsigned place = first + i * team;
        const int phase = static_cast<int>(place % phases);
        at[i] = static_cast<Distance>(place / phases) * static_cast<Distance>(layer.stride) +
                static_cast<Distance>(of_layer.phase(first_phase + phase));
        exists[i] = phase < present && outputs.has(at[i]);
        from[i] = sums + skewed(place);
      }
      store_at<most_channels>(outputs, at, exists, [&](int i, int channel) { return from[i][channel * pitch]; });
    }
    if constexpr (polyphase.has_bias_only_phases()) {
      if (first_phase != 0) return;
#pragma unroll 1
      for (Distance at = outputs.begin + thread; at < outputs.end; at += team)
        if (first_tap_of(Index{at} % layer.stride) < 0)
          store_at<most_channels, 1>(outputs, {at}, {true}, [&](int, int channel) { return bias(channel); });
    }
  }
};

}  // namespace unstride::gpu
