// mma: the layer on tensor cores, for fast math: TF32 for float32, and the 16-bit types themselves; sums in float32.
//
// Rows of the instruction are positions of x, columns are rows (output channel, phase) of the polyphase product. The
// positions come from registers, so that a tap's shift is an address in shared memory and never an alignment. Inputs
// lie there as words (mma_tile.h) by position, two stages of them, prologue applied and converted once for each
// element; weights lie in the order of fragments, a few stages of them, and come by asynchronous copies.
//
// Warps share a block's columns, its rows, and for small grids its reduction: slices are then added in a fixed order,
// so that results are the same from run to run. Where that is not enough, blocks share it too (split.h). The one tap
// that some phases lack is multiplied as zeros in these.
#pragma once

#include "templates/cuda/activation.h"
#include "templates/cuda/element.h"
#include "templates/cuda/interleave.h"
#include "templates/cuda/mma_tile.h"
#include "templates/cuda/split.h"

namespace unstride::gpu {

/// Words of the reduction, and products of them, by the type in memory.
template <Layer layer>
struct MmaOperand {
  using X = Stored<layer.element>;
  static constexpr int channels = layer.element == Element::float32 ? 1 : 2;

  /// The prologue applied, in the operand's type.
  static __device__ __forceinline__ unsigned word(const X (&x)[channels]) {
    unsigned bits = 0;
    if constexpr (layer.element == Element::float32) {
      bits = tf32_of(activated<layer.prologue>(x[0]));
    } else if constexpr (layer.prologue.function == Function::none) {
      bits = x[0] | static_cast<unsigned>(x[1]) << 16;
    } else {
#pragma unroll
      for (int i = 0; i < 2; ++i)
        bits |= static_cast<unsigned>(rounded<layer.element>(activated<layer.prologue>(widened<layer.element>(x[i]))))
                << 16 * i;
    }
    return bits;
  }
  static __device__ __forceinline__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
    const unsigned b[2] = {b0, b1};
    if constexpr (layer.element == Element::float32)
      mma_tf32(d, a, b);
    else if constexpr (layer.element == Element::float16)
      mma_float16(d, a, b);
    else
      mma_bfloat16(d, a, b);
  }
};

/// `has_producers`: the threads of the tile do not fetch; a warpgroup after them does (wgmma.h).
template <Layer layer, MmaTile tile, bool has_producers = false>
class Mma {
 protected:
  using Operand = MmaOperand<layer>;
  using X = Stored<layer.element>;

  static constexpr Polyphase polyphase = layer.polyphase();
  static constexpr BlockShape shape = tile.shape();
  static constexpr MmaWeights packed = {tile.order};
  static constexpr int threads = tile.threads();
  static constexpr int taps = polyphase.max_taps(), tap_block = tile.taps_in_memory(layer);
  static constexpr int tap_chunks = ceil_div(taps, tap_block);
  static constexpr int stage_slabs = tile.stage_slabs(), slabs = packed.slabs(layer);
  static constexpr int chunks = tile.chunks(layer);
  static constexpr int input_step = polyphase.input_step();
  static constexpr int halo = tile.halo(layer), positions = tile.columns + halo;
  static constexpr int input_pitch = tile.input_pitch(layer);
  static constexpr int stage_words = tile.weight_words(layer), input_words = tile.input_words(layer);
  static constexpr int row_groups = tile.row_groups();
  static constexpr int warp_groups = row_groups / tile.row_warps;              // of eight rows, of a warp
  static constexpr int warp_sixteens = tile.columns / tile.column_warps / 16;  // of columns, of a warp
  static constexpr int stage_depth = 16 * stage_slabs;                         // words at one position
  static constexpr int fetch_warps = has_producers ? warps_of_group : threads / 32;
  static constexpr int held_rows = ceil_div(stage_depth, fetch_warps), held_columns = ceil_div(positions, 32);
  static constexpr int held_words = tile.held_words(layer, fetch_warps);

  static_assert(layer.element != Element::float64);
  static_assert(threads <= 1024 && row_groups % tile.row_warps == 0 && tile.columns % (16 * tile.column_warps) == 0);
  static_assert(tile.order == Rows::channels || polyphase.max_delay() == 0, "eight rows must read the same inputs");
  static_assert(held_words == held_rows * held_columns);
  static_assert(tile.stages >= 2 && tile.splits >= 1 && tile.splits <= chunks);

  const Arguments& arguments;
  unsigned* const shared = reinterpret_cast<unsigned*>(dynamic_shared());
  const Share share = Share::of_block<tile.splits>();
  const BlockPlace place;
  const Inside always_inside;  ///< of all chunks, where stages have all taps
  int lane, column_warp, row_warp, depth_warp;

 public:
  __device__ __forceinline__ explicit Mma(const Arguments& a)
      : arguments(a), place(BlockPlace::of<layer, shape>(share.tile, a.columns)), always_inside(inside_of(0)) {
    const int warp = static_cast<int>(threadIdx.x) / 32;
    lane = static_cast<int>(threadIdx.x) % 32;
    column_warp = warp % tile.column_warps;
    row_warp = warp / tile.column_warps % tile.row_warps;
    depth_warp = warp / (tile.column_warps * tile.row_warps);
  }

  __device__ __forceinline__ void run() {
    float sums[warp_sixteens][warp_groups][4];
    start(sums);
    X held[held_words][Operand::channels];
#pragma unroll
    for (int stage = 0; stage < tile.stages - 1; ++stage) copy_weights(first_chunk() + stage);
    fetch_inputs(first_chunk(), held);
    put_inputs(held, inputs_of(first_chunk()));
#pragma unroll 1
    for (int chunk = first_chunk(); chunk < end_chunk(); ++chunk) {
      wait_copies<tile.stages - 2>();
      __syncthreads();  // this stage is whole, and nobody reads the one before any more
      copy_weights(chunk + tile.stages - 1);
      const bool more = chunk + 1 < end_chunk();
      if (more) fetch_inputs(chunk + 1, held);
      multiply(chunk, sums);
      if (more) put_inputs(held, inputs_of(chunk + 1));
    }
    wait_copies<0>();
    if (is_whole(sums)) store(sums);
  }

 protected:
  // The block's part of the reduction
  __device__ __forceinline__ int first_chunk() const {
    return tile.splits == 1 ? 0 : share.template begin<tile.splits>(chunks);
  }
  __device__ __forceinline__ int end_chunk() const {
    return tile.splits == 1 ? chunks : share.template begin<tile.splits>(chunks, 1);
  }
  /// Whether the block has the outputs to write: it is the tile's only one, or the last and now has the sums of all.
  __device__ __forceinline__ bool is_whole(float (&sums)[warp_sixteens][warp_groups][4]) const {
    if constexpr (tile.splits == 1) {
      return true;
    } else {
      static_assert(tile.split().fours == warp_sixteens * warp_groups);
      return add_splits<tile.split()>(
          arguments.workspace, share, [&](int i) -> float(&)[4] { return sums[i / warp_groups][i % warp_groups]; },
          shared, [] { sync(); });
    }
  }

  // What a stage holds
  __device__ __forceinline__ unsigned* weights_of(int chunk) const {
    return shared + chunk % tile.stages * stage_words;
  }
  __device__ __forceinline__ unsigned* inputs_of(int chunk) const {
    return shared + tile.stages * stage_words + chunk % 2 * input_words;
  }
  static __device__ __forceinline__ int first_slab(int chunk) {
    return chunk / tap_chunks * stage_slabs;
  }
  static __device__ __forceinline__ int first_tap(int chunk) {
    return chunk % tap_chunks * tap_block;
  }

  /// Always makes a group of copies, an empty one past the last chunk. A warp copies every so many-th piece.
  __device__ __forceinline__ void copy_weights(int chunk) const {
    if (chunk < end_chunk()) {
      const int warp = static_cast<int>(threadIdx.x) / 32;
      unsigned* to = weights_of(chunk) + 4 * lane;
      constexpr int pieces = row_groups * stage_slabs * tap_block, warps = threads / 32;
#pragma unroll 8
      for (int n = 0; n < ceil_div(pieces, warps); ++n) {
        const int piece = warp + n * warps;
        if (pieces % warps == 0 || piece < pieces) copy_piece(to + piece * packed.piece_words, chunk, piece);
      }
    }
    commit_copies();
  }
  __device__ __forceinline__ void copy_piece(unsigned* to, int chunk, int piece) const {
    constexpr MmaWeights layout = packed;  // device code has no address of a static member
    constexpr bool all_rows =
        packed.outer(layer) % tile.outer_tiles == 0 && packed.inner(layer) % tile.inner_tiles == 0;
    const int tap = first_tap(chunk) + piece % tap_block;
    const int slab = first_slab(chunk) + piece / tap_block % stage_slabs;
    const int row_group = piece / (tap_block * stage_slabs);
    const int outer = (tile.order == Rows::channels ? place.phase : place.channel) + row_group / tile.inner_tiles;
    const int inner = (tile.order == Rows::channels ? place.channel : place.phase) / 8 + row_group % tile.inner_tiles;
    const bool exists = (taps % tap_block == 0 || tap < taps) && (slabs % stage_slabs == 0 || slab < slabs) &&
                        (all_rows || (outer < packed.outer(layer) && inner < packed.inner(layer)));
    const Index source = exists ? layout.piece(layer, outer * packed.inner(layer) + inner, slab, tap) : 0;
    copy_async<16>(to,
                   static_cast<const unsigned*>(arguments.weights) + place.group * packed.group_words(layer) +
                       4 * lane + source * packed.piece_words,
                   exists);
  }

  // Position p of a chunk's inputs is input place.column - halo - first_tap*input_step + p.
  __device__ __forceinline__ Index first_input(int chunk) const {
    return place.column - halo - Index{first_tap(chunk)} * input_step;
  }
  __device__ __forceinline__ Inside inside_of(int chunk) const {
    return Inside::of(first_input(chunk), arguments.input_length, positions);
  }
  __device__ __forceinline__ int fetch_warp() const {
    return static_cast<int>(threadIdx.x) / 32 - (has_producers ? threads / 32 : 0);
  }
  /// Row r of what a thread holds is word fetch_warp() + r*fetch_warps of a position.
  __device__ __forceinline__ bool has_row(int r) const {
    return stage_depth % fetch_warps == 0 || fetch_warp() + r * fetch_warps < stage_depth;
  }
  /// Zeros beyond the ends of x and its channels: a prologue changes no more than their sign. Addresses are counted on:
  /// a product for each would take longer than the load.
  __device__ __forceinline__ void fetch_inputs(int chunk, X (&held)[held_words][Operand::channels]) const {
    constexpr bool fills_stages = layer.in_channels % (stage_depth * Operand::channels) == 0;
    const Inside inside = tap_chunks == 1 ? always_inside : inside_of(chunk);
    const int first_word = first_slab(chunk) * static_cast<int>(packed.slab_words) + fetch_warp();
    const Index pitch = arguments.input_pitch;
    const X* from = static_cast<const X*>(arguments.x) +
                    (place.input_row + Index{first_word} * Operand::channels) * pitch + first_input(chunk) + lane;
#pragma unroll
    for (int r = 0; r < held_rows; ++r) {
#pragma unroll
      for (int i = 0; i < Operand::channels; ++i) {
        const int channel = (first_word + r * fetch_warps) * Operand::channels + i;
        const bool exists = has_row(r) && (fills_stages || channel < layer.in_channels);
#pragma unroll
        for (int c = 0; c < held_columns; ++c)
          held[r * held_columns + c][i] = exists && inside(lane + 32 * c) ? from[32 * c] : X{0};
        from += pitch;
      }
      from += (fetch_warps - 1) * Operand::channels * pitch;
    }
  }
  __device__ __forceinline__ void put_inputs(const X (&held)[held_words][Operand::channels], unsigned* to) const {
    to += fetch_warp() * input_pitch + lane;
#pragma unroll
    for (int r = 0; r < held_rows; ++r)
#pragma unroll
      for (int c = 0; c < held_columns; ++c)
        if (has_row(r) && (positions % 32 == 0 || lane + 32 * c < positions))
          to[r * fetch_warps * input_pitch + 32 * c] = Operand::word(held[r * held_columns + c]);
  }

  // Rows: of the warp's group n, and of the lane's sum i in it
  __device__ __forceinline__ int row_group(int n) const {
    return row_warp * warp_groups + n;
  }
  __device__ __forceinline__ int channel_of(int n, int i) const {
    const int outer = row_group(n) / tile.inner_tiles, inner = row_group(n) % tile.inner_tiles;
    return tile.order == Rows::channels ? 8 * inner + 2 * (lane % 4) + i % 2 : outer;
  }
  __device__ __forceinline__ int phase_of(int n, int i) const {
    const int outer = row_group(n) / tile.inner_tiles, inner = row_group(n) % tile.inner_tiles;
    return tile.order == Rows::channels ? outer : 8 * inner + 2 * (lane % 4) + i % 2;
  }
  __device__ __forceinline__ int column_of(int m, int i) const {
    return (column_warp * warp_sixteens + m) * 16 + lane / 4 + i / 2 * 8;
  }

  __device__ __forceinline__ void start(float (&sums)[warp_sixteens][warp_groups][4]) const {
#pragma unroll
    for (int n = 0; n < warp_groups; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float bias = 0;
        if constexpr (layer.bias) {
          const int channel = place.channel + channel_of(n, i);
          if (share.split == 0 && depth_warp == 0 && channel < layer.out_channels)
            bias = static_cast<const float*>(arguments.bias)[place.group * layer.out_channels + channel];
        }
#pragma unroll
        for (int m = 0; m < warp_sixteens; ++m) sums[m][n][i] = bias;
      }
  }

  __device__ __forceinline__ void multiply(int chunk, float (&sums)[warp_sixteens][warp_groups][4]) const {
    constexpr bool is_last_shorter = taps % tap_block != 0;
    const int present = is_last_shorter ? clamped(taps - first_tap(chunk), tap_block) : tap_block;
    const unsigned* weights = weights_of(chunk) + 4 * lane;
    const unsigned* inputs =
        inputs_of(chunk) + lane % 4 * input_pitch + halo + column_warp * 16 * warp_sixteens + lane / 4;
#pragma unroll 1
    for (int slab = depth_warp * tile.slabs; slab < (depth_warp + 1) * tile.slabs; ++slab)
#pragma unroll(tap_block > 4 ? 1 : is_last_shorter ? unroll_factor(tap_block) : tap_block)
      for (int tap = 0; tap < present; ++tap) {
        const unsigned* x = inputs + slab * 16 * input_pitch - tap * input_step;
        const unsigned* w = weights + (slab * tap_block + tap) * packed.piece_words;
        unsigned a[2][warp_sixteens][4];
        if constexpr (polyphase.max_delay() == 0) load_inputs(x, a);
#pragma unroll
        for (int n = 0; n < warp_groups; ++n) {
          if constexpr (polyphase.max_delay() > 0) {
            constexpr Polyphase at = layer.polyphase();  // device code has no address of a static member
            const int phase = place.phase + phase_of(n, 0);
            load_inputs(x - (phase < at.phases() ? at.delay(phase) : 0), a);
          }
          const auto b = load<4>(w + row_group(n) * stage_slabs * tap_block * packed.piece_words);
#pragma unroll
          for (int m = 0; m < warp_sixteens; ++m) Operand::multiply(sums[m][n], a[0][m], b.at[0], b.at[1]);
#pragma unroll
          for (int m = 0; m < warp_sixteens; ++m) Operand::multiply(sums[m][n], a[1][m], b.at[2], b.at[3]);
        }
      }
  }
  static __device__ __forceinline__ void load_inputs(const unsigned* x, unsigned (&a)[2][warp_sixteens][4]) {
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int m = 0; m < warp_sixteens; ++m)
#pragma unroll
        for (int i = 0; i < 4; ++i) a[half][m][i] = x[(8 * half + i / 2 * 4) * input_pitch + 16 * m + i % 2 * 8];
  }

  /// All threads of the tile.
  static __device__ __forceinline__ void sync() {
    if constexpr (has_producers)
      sync_some<1, threads>();
    else
      __syncthreads();
  }
  // Outputs, through shared memory: some channels at a time, one slice of the reduction after the other
  __device__ __forceinline__ void store(const float (&sums)[warp_sixteens][warp_groups][4]) const {
    using Interleaved = Interleave<layer, shape.phases, shape.phase_tiles(layer) == 1, tile.columns, threads>;
    static_assert(Interleaved::pitch == tile.output_pitch());
    constexpr int fitting = tile.shared_words(layer) / Interleaved::pitch;
    constexpr int channels = fitting < shape.channels ? fitting : shape.channels;
    float* outputs = reinterpret_cast<float*>(shared);
#pragma unroll 1
    for (int first = 0; first < shape.channels; first += channels) {
#pragma unroll 1
      for (int slice = 0; slice < tile.depth_warps; ++slice) {
        sync();
        if (slice != depth_warp) continue;
#pragma unroll
        for (int n = 0; n < warp_groups; ++n)
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int channel = channel_of(n, i) - first;
            if (channels < shape.channels && (channel < 0 || channel >= channels)) continue;
#pragma unroll
            for (int m = 0; m < warp_sixteens; ++m) {
              float& sum = Interleaved::place(outputs + channel * Interleaved::pitch, column_of(m, i), phase_of(n, i));
              sum = slice == 0 ? sums[m][n][i] : sum + sums[m][n][i];
            }
          }
      }
      sync();
      const int end = min(shape.channels, layer.out_channels - place.channel);
      Interleaved::template store<channels>(
          arguments, outputs, min(channels, end - first), place.output_row + place.channel + first,
          place.group * layer.out_channels + place.channel + first, place.column, place.phase);
    }
  }
};

template <Layer layer, MmaTile tile>
__device__ __forceinline__ void mma(const Arguments& arguments) {
  Mma<layer, tile>(arguments).run();
}

}  // namespace unstride::gpu
