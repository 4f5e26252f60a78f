// ffma: the strict chain, for any layer. Rows (output channel, phase) by columns, tiled in registers over the whole
// reduction: each sum is one chain of fused multiply-adds, input channels ascending, taps ascending within each.
//
// A block computes FfmaTile::tile_rows() by columns(). Shared memory holds two stages: the inputs of a few channels
// (converted, prologue applied, zeros beyond the ends) and their weights. While a stage is multiplied the other is
// filled: weights by asynchronous copies, inputs through registers. Taps that a phase lacks, and channels past the
// last, are not computed: a product with zero would not leave an infinite input, or a sum of -0, alone.
#pragma once

#include "templates/cuda/activation.h"
#include "templates/cuda/element.h"
#include "templates/cuda/ffma_inputs.h"
#include "templates/cuda/interleave.h"

namespace unstride::gpu {

template <Layer layer, FfmaTile tile>
class Ffma {
  using T = Sum<layer.element>;
  using X = Stored<layer.element>;

  static constexpr Polyphase polyphase = layer.polyphase();
  static constexpr BlockShape shape = tile.shape();
  static constexpr int threads = tile.threads();
  static constexpr int rows = tile.rows, columns = 4 * tile.column_groups;
  static constexpr int taps = polyphase.max_taps();
  static constexpr int channel_block = tile.channels_in_memory(layer), tap_block = tile.taps_in_memory(layer);
  static constexpr int tap_chunks = ceil_div(taps, tap_block);
  static constexpr int chunks = ceil_div(layer.in_channels, channel_block) * tap_chunks;
  static constexpr int input_step = polyphase.input_step();
  static constexpr int halo = tile.shares_input(layer) ? tile.halo(layer) : 0;
  static constexpr int input_pitch = tile.columns() + halo;
  static constexpr int input_elements = tile.input_elements(layer), stage_elements = tile.stage_elements(layer);
  // Inputs are fetched by teams of threads, each a channel at a time: no division, and one address for each channel.
  static constexpr int fetch_lanes = tile.fetch_lanes(layer), fetch_teams = threads / fetch_lanes;
  static constexpr int row_fetches = ceil_div(input_pitch, fetch_lanes);
  static constexpr int held_inputs = tile.held_inputs(layer);
  static constexpr int inner_rows = tile.rows * tile.row_threads;        // that lie side by side in packed weights
  static constexpr int weight_vector = gcd(inner_rows, 16 / sizeof(T));  // elements of one copy
  static constexpr int row_vectors = tile.tile_rows() / weight_vector;
  static constexpr FfmaWeights packed = {tile.order};
  // Whether every block has all its rows, and every stage all its steps.
  static constexpr bool all_rows =
      packed.inner(layer) % inner_rows == 0 && packed.outer(layer) % (tile.tile_rows() / inner_rows) == 0;
  static constexpr bool all_steps = layer.in_channels % channel_block == 0 && taps % tap_block == 0;

  static_assert(threads % 32 == 0 && threads <= 1024);
  static_assert(tap_block == taps || (tap_block % 4 == 0 && channel_block == 1));
  static_assert(tile.order == Rows::channels || layer.dilation == 1, "neighbouring phases must read the same inputs");
  static_assert(input_elements % 4 == 0 && stage_elements % 4 == 0, "vectors are aligned");

  const Arguments& arguments;
  T* const shared = reinterpret_cast<T*>(dynamic_shared());
  const BlockPlace place;
  int column_thread, row_thread, other_thread;

  __device__ __forceinline__ int own_channel() const {
    return tile.order == Rows::channels ? row_thread * rows : other_thread;
  }
  __device__ __forceinline__ int own_phase() const {
    return tile.order == Rows::phases ? row_thread * rows : other_thread;
  }

 public:
  __device__ __forceinline__ explicit Ffma(const Arguments& a)
      : arguments(a), place(BlockPlace::of<layer, shape>(blockIdx.x, a.columns)) {
    const int thread = threadIdx.x;
    column_thread = thread % tile.column_threads;
    row_thread = thread / tile.column_threads % tile.row_threads;
    other_thread = thread / (tile.column_threads * tile.row_threads);
  }

  __device__ __forceinline__ void run() {
    T sums[rows][columns];
    start(sums);
    X held[max(held_inputs, 1)];
    Inside inside = inside_of(0);
    copy_weights(0);
    fetch_inputs(0, inside, held);
    put_inputs(0, inside, held);
#pragma unroll 1
    for (int chunk = 0; chunk < chunks; ++chunk) {
      wait_copies<0>();
      __syncthreads();  // this stage is whole, and nobody reads the other one any more
      const bool more = chunk + 1 < chunks;
      if (more) {
        if constexpr (tap_chunks > 1) inside = inside_of(chunk + 1);
        copy_weights(chunk + 1);
        fetch_inputs(chunk + 1, inside, held);
      }
      multiply(chunk, sums);
      if (more) put_inputs(chunk + 1, inside, held);
    }
    store(sums);
  }

 private:
  // ---- What a stage holds

  __device__ __forceinline__ T* inputs_of(int chunk) const {
    return shared + chunk % 2 * stage_elements;
  }
  __device__ __forceinline__ T* weights_of(int chunk) const {
    return inputs_of(chunk) + input_elements;
  }
  static __device__ __forceinline__ int first_input_channel(int chunk) {
    return chunk / tap_chunks * channel_block;
  }
  static __device__ __forceinline__ int first_tap(int chunk) {
    return chunk % tap_chunks * tap_block;
  }
  /// Fewer than channel_block in the last chunk.
  static __device__ __forceinline__ int channels_of(int chunk) {
    if constexpr (layer.in_channels % channel_block == 0) return channel_block;
    const int left = static_cast<int>(layer.in_channels) - first_input_channel(chunk);
    return left < channel_block ? left : channel_block;
  }

  /// A thread copies every threads-th piece. Where these all have the same rows, only the step differs, by a constant.
  __device__ __forceinline__ void copy_weights(int chunk) const {
    constexpr int pieces = channel_block * tap_block * row_vectors, rounds = ceil_div(pieces, threads);
    constexpr bool same_rows = threads % row_vectors == 0;
    const int thread = threadIdx.x;
    const Index first_step = Index{first_input_channel(chunk)} * taps + first_tap(chunk);
    T* to = weights_of(chunk);
#pragma unroll 8
    for (int n = 0; n < rounds; ++n) {
      const int piece = thread + n * threads;
      const int row = (same_rows ? thread : piece) % row_vectors * weight_vector;
      const int step = same_rows ? thread / row_vectors + n * (threads / row_vectors) : piece / row_vectors;
      if (pieces % threads == 0 || piece < pieces) copy_piece(to + piece * weight_vector, row, first_step, step);
    }
    commit_copies();
  }
  __device__ __forceinline__ int outer_row(int row) const {
    return (tile.order == Rows::channels ? place.phase : place.channel) + row / inner_rows;
  }
  __device__ __forceinline__ int inner_row(int row) const {
    return (tile.order == Rows::channels ? place.channel : place.phase) + row % inner_rows;
  }
  __device__ __forceinline__ void copy_piece(T* to, int row, Index first_step, int step) const {
    const T* from = static_cast<const T*>(arguments.weights) + place.group * packed.group_elements(layer) +
                    outer_row(row) * packed.inner(layer) + inner_row(row) + first_step * packed.rows(layer) +
                    step * packed.rows(layer);
    const bool has_row = all_rows || (outer_row(row) < packed.outer(layer) && inner_row(row) < packed.inner(layer));
    const bool has_step = all_steps || step < layer.in_channels * taps - first_step;
    const bool exists = has_row && has_step;
    copy_async<weight_vector * sizeof(T)>(to, exists ? from : arguments.weights, exists);
  }

  // Position p of a chunk's inputs is input place.column - halo - first_tap*input_step + p.
  __device__ __forceinline__ Index first_input(int chunk) const {
    return place.column - halo - Index{first_tap(chunk)} * input_step;
  }
  __device__ __forceinline__ Inside inside_of(int chunk) const {
    return Inside::of(first_input(chunk), arguments.input_length, input_pitch);
  }
  static __device__ __forceinline__ bool has_channel(int chunk, int channel) {
    constexpr bool teams_have_all = layer.in_channels % channel_block == 0 && channel_block % fetch_teams == 0;
    return teams_have_all || channel < channels_of(chunk);
  }
  __device__ __forceinline__ void fetch_inputs(int chunk, const Inside& inside, X (&held)[max(held_inputs, 1)]) const {
    if constexpr (held_inputs == 0) return;
    const int lane = static_cast<int>(threadIdx.x) % fetch_lanes, team = static_cast<int>(threadIdx.x) / fetch_lanes;
    const Index first =
        (place.input_row + first_input_channel(chunk) + team) * arguments.input_pitch + first_input(chunk) + lane;
    const X* x = static_cast<const X*>(arguments.x);
#pragma unroll
    for (int n = 0; n < held_inputs; ++n) {
      const int row = n / row_fetches * fetch_teams, place = n % row_fetches * fetch_lanes;
      const bool has = has_channel(chunk, row + team) && inside(place + lane);
      held[n] = has ? x[first + row * arguments.input_pitch + place] : X{0};
    }
  }
  __device__ __forceinline__ void put_inputs(int chunk, const Inside& inside,
                                             const X (&held)[max(held_inputs, 1)]) const {
    if constexpr (held_inputs == 0) return;
    const int lane = static_cast<int>(threadIdx.x) % fetch_lanes, team = static_cast<int>(threadIdx.x) / fetch_lanes;
    T* to = inputs_of(chunk) + team * input_pitch + lane;
#pragma unroll
    for (int n = 0; n < held_inputs; ++n) {
      const int row = n / row_fetches * fetch_teams, place = n % row_fetches * fetch_lanes;
      T value = activated<layer.prologue>(widened<layer.element>(held[n]));
      if constexpr (!keeps_zero(layer.prologue))
        if (!has_channel(chunk, row + team) || !inside(place + lane)) value = T{0};
      if ((channel_block % fetch_teams == 0 || row + team < channel_block) && place + lane < input_pitch)
        to[row * input_pitch + place] = value;
    }
  }

  // ---- The reduction

  __device__ __forceinline__ void start(T (&sums)[rows][columns]) const {
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      T bias = 0;
      if constexpr (layer.bias) {
        const int channel = place.channel + own_channel() + (tile.order == Rows::channels ? r : 0);
        if (channel < layer.out_channels)
          bias = static_cast<const T*>(arguments.bias)[place.group * layer.out_channels + channel];
      }
#pragma unroll
      for (int c = 0; c < columns; ++c) sums[r][c] = bias;
    }
  }

  /// How many of the thread's rows have as many taps as any: the first ones.
  __device__ __forceinline__ int rows_with_all_taps() const {
    constexpr Index remainder = layer.kernel_size % polyphase.tap_step();
    constexpr int phases = remainder == 0 ? polyphase.phases() : min(remainder, polyphase.phases());
    const int left = phases - place.phase - own_phase();
    return tile.order == Rows::phases ? left : left > 0 ? rows : 0;
  }

  __device__ __forceinline__ void multiply(int chunk, T (&sums)[rows][columns]) const {
    // Four taps a step, and the last one to four apart: only there may rows lack one.
    constexpr int groups = (taps - 1) / 4, last_taps = taps - 4 * groups;
    constexpr Polyphase phases = polyphase;
    constexpr int unrolled_channels = tile.unrolled_channels(layer);
    const int first_group = first_tap(chunk) / 4;
    const bool has_last = tap_chunks == 1 || chunk % tap_chunks == tap_chunks - 1;
    const int whole_groups = tap_chunks == 1 || has_last ? groups - first_group : tap_block / 4;
    const int own_row = (other_thread * tile.row_threads + row_thread) * rows;
    const T* weights = weights_of(chunk) + own_row;
    const int phase = place.phase + own_phase();  // past the last one, inputs are read as the first one does
    const Index delay = phases.max_delay() > 0 && phase < phases.phases() ? phases.delay(phase) : 0;
    FfmaInputs<layer, tile> inputs(arguments, inputs_of(chunk) + halo + 4 * column_thread,
                                   place.input_row + first_input_channel(chunk),
                                   place.column + 4 * column_thread - Index{first_tap(chunk)} * input_step, delay);

#pragma unroll(unrolled_channels)
    for (int channel = 0; channel < channels_of(chunk); ++channel) {
      FfmaInputs<layer, tile> at = inputs;
      const T* w = weights;
      if constexpr (groups > 0) {
#pragma unroll 1
        for (int g = 0; g < whole_groups; ++g) {
          multiply_taps<4, false>(w, at, sums);
          w += 4 * tile.tile_rows();
          at.skip_taps(4);
        }
      }
      if (has_last) multiply_taps<last_taps, polyphase.min_taps() < taps>(w, at, sums);
      inputs.next_channel();
      weights += tap_block * tile.tile_rows();
    }
  }

  template <int count, bool some_rows_lack_the_last>
  __device__ __forceinline__ void multiply_taps(const T* weights, const FfmaInputs<layer, tile>& inputs,
                                                T (&sums)[rows][columns]) const {
    const auto window = inputs.template window<count>();
#pragma unroll
    for (int t = 0; t < count; ++t) {
      T w[rows], x[columns];
      load_weights(weights + t * tile.tile_rows(), w);
      window.read(t, x);
      const int present = some_rows_lack_the_last && t == count - 1 ? rows_with_all_taps() : rows;
#pragma unroll
      for (int r = 0; r < rows; ++r)
        if (r < present) {
#pragma unroll
          for (int c = 0; c < columns; ++c) sums[r][c] = multiply_add(x[c], w[r], sums[r][c]);
        }
    }
  }

  static __device__ __forceinline__ void load_weights(const T* from, T (&w)[rows]) {
    constexpr int vector = gcd(rows, 16 / sizeof(T));
#pragma unroll
    for (int r = 0; r < rows; r += vector) {
      const auto values = load<vector>(from + r);
#pragma unroll
      for (int i = 0; i < vector; ++i) w[r + i] = values.at[i];
    }
  }

  // ---- Outputs, through shared memory: a column group of some channels at a time

  __device__ __forceinline__ void store(const T (&sums)[rows][columns]) const {
    using Interleaved =
        Interleave<layer, shape.phases, shape.phase_tiles(layer) == 1, 4 * tile.column_threads, threads>;
    static_assert(Interleaved::pitch == tile.output_pitch());
    constexpr int fitting = tile.shared_elements(layer) / Interleaved::pitch;
    constexpr int channels = fitting < shape.channels ? fitting : shape.channels;
#pragma unroll
    for (int g = 0; g < tile.column_groups; ++g) {
      const Index column = place.column + g * 4 * tile.column_threads;
#pragma unroll 1
      for (int first = 0; first < shape.channels; first += channels) {
        __syncthreads();
#pragma unroll
        for (int r = 0; r < rows; ++r) {
          const int channel = own_channel() + (tile.order == Rows::channels ? r : 0) - first;
          const int phase = own_phase() + (tile.order == Rows::phases ? r : 0);
          if (channels == shape.channels || (channel >= 0 && channel < channels)) {
#pragma unroll
            for (int c = 0; c < 4; ++c)
              Interleaved::put(shared + channel * Interleaved::pitch, 4 * column_thread + c, phase, sums[r][4 * g + c]);
          }
        }
        __syncthreads();
        const int end = min(shape.channels, layer.out_channels - place.channel);
        Interleaved::template store<channels>(
            arguments, shared, min(channels, end - first), place.output_row + place.channel + first,
            place.group * layer.out_channels + place.channel + first, column, place.phase);
      }
    }
  }
};

template <Layer layer, FfmaTile tile>
__device__ __forceinline__ void ffma(const Arguments& arguments) {
  Ffma<layer, tile>(arguments).run();
}

}  // namespace unstride::gpu
