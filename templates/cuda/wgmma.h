// wgmma: mma's product by the instructions of Hopper that a warpgroup, four warps, issues together; for deep layers.
//
// As in mma.h, positions of x come from registers. Weights are read from shared memory by the instruction itself, as
// core matrices (wgmma_tile.h). Warpgroups that multiply do nothing else: one warpgroup more, the last, brings weights
// by bulk copies, and fetches, converts and stores inputs once for each element. Two mbarriers for each stage tell
// when it is full and when it is empty again. Registers move from the producers to those that multiply.
#pragma once

#include "templates/cuda/mma.h"
#include "templates/cuda/wgmma_tile.h"

namespace unstride::gpu {

template <Layer layer, WgmmaTile tile>
class Wgmma : Mma<layer, tile.products(), true> {
  using Base = Mma<layer, tile.products(), true>;
  using Operand = MmaOperand<layer>;
  using Base::arguments, Base::shared, Base::lane, Base::column_warp, Base::place;
  using Base::first_chunk, Base::end_chunk, Base::slabs, Base::taps, Base::halo, Base::input_pitch, Base::input_step;
  using Base::first_slab, Base::row_groups, Base::stage_slabs;

  static constexpr WgmmaWeights packed = {{tile.order}};
  static constexpr int stage_words = tile.stage_words(layer), consumers = Base::threads;
  // Of a stage's weights, [slab][row group][tap].
  static constexpr int row_group_words = taps * WgmmaWeights::piece_words, slab_words = row_groups * row_group_words;
  static constexpr int instruction_rows = tile.instruction_rows();

  static_assert(layer.polyphase().max_delay() == 0, "all phases must read the same inputs");
  static_assert(row_groups % 8 == 0 && slabs % stage_slabs == 0);
  static_assert(tile.warpgroups == 1 || tile.warpgroups == 2);

  // Of the four warps that fetch each, and of who expects bytes; of each warp that multiplies.
  static constexpr int arrivals_to_fill = warps_of_group + 1, arrivals_to_empty = consumers / 32;

 public:
  using Base::Base;

  __device__ __forceinline__ void run() {
    if (threadIdx.x == 0) {
#pragma unroll
      for (int stage = 0; stage < tile.stages; ++stage) {
        init_barrier(full(stage), arrivals_to_fill);
        init_barrier(empty(stage), arrivals_to_empty);
      }
      fence_barriers();
    }
    __syncthreads();
    if (threadIdx.x >= consumers) {
      if constexpr (tile.warpgroups == 2) lower_registers<WgmmaTile::producer_registers>();
      produce();
    } else {
      if constexpr (tile.warpgroups == 2) raise_registers<WgmmaTile::consumer_registers>();
      consume();
    }
  }

 private:
  __device__ __forceinline__ Barrier* full(int stage) const {
    return reinterpret_cast<Barrier*>(dynamic_shared() + tile.barrier_bytes(layer)) + stage;
  }
  __device__ __forceinline__ Barrier* empty(int stage) const {
    return full(stage) + tile.stages;
  }
  __device__ __forceinline__ unsigned* weights_of(int stage) const {
    return shared + stage * stage_words;
  }
  __device__ __forceinline__ unsigned* inputs_of(int stage) const {
    return weights_of(stage) + Base::stage_words;
  }

  __device__ __forceinline__ void produce() const {
    typename Base::X held[Base::held_words][Operand::channels];
    Base::fetch_inputs(first_chunk(), held);
#pragma unroll 1
    for (int chunk = first_chunk(); chunk < end_chunk(); ++chunk) {
      const int step = chunk - first_chunk(), stage = step % tile.stages, round = step / tile.stages;
      if (round > 0) wait(empty(stage), (round - 1) % 2);
      copy_weights(chunk, stage);
      Base::put_inputs(held, inputs_of(stage));
      sync_warp();
      if (lane == 0) arrive(full(stage));
      if (chunk + 1 < end_chunk()) Base::fetch_inputs(chunk + 1, held);
    }
  }

  /// Row groups that are neighbours here and there come by one copy: the inner ones of an outer row, or all of a slab.
  /// A warp issues every fourth copy, its lanes one after the other, some 60 cycles each. Groups that do not exist are
  /// left as they are: nobody reads their sums. Bytes may come before they are expected, since the stage is full after
  /// that arrival only.
  __device__ __forceinline__ void copy_weights(int chunk, int stage) const {
    constexpr WgmmaWeights layout = packed;  // device code has no address of a static member
    constexpr int bytes = 4 * row_group_words;
    constexpr bool whole_slabs = tile.inner_tiles == packed.inner(layer);
    constexpr int copies = whole_slabs ? 1 : tile.outer_tiles;  // of a slab
    static_assert(stage_slabs * copies <= 32 * warps_of_group);
    const int first_outer = tile.order == Rows::channels ? place.phase : place.channel;
    const int first_inner = (tile.order == Rows::channels ? place.channel : place.phase) / 8;
    const int outer = min(tile.outer_tiles, packed.outer(layer) - first_outer);
    const int inner = min(tile.inner_tiles, packed.inner(layer) - first_inner);
    if (lane == 0 && Base::fetch_warp() == 0) arrive_expecting(full(stage), stage_slabs * outer * inner * bytes);
    const int copy = warps_of_group * lane + Base::fetch_warp(), slab = copy / copies, outer_row = copy % copies;
    if (slab >= stage_slabs || outer_row >= outer) return;
    const Index row_group = Index{first_outer + outer_row} * packed.inner(layer) + first_inner;
    const unsigned* from = static_cast<const unsigned*>(arguments.weights) + place.group * packed.group_words(layer) +
                           layout.piece(layer, row_group, first_slab(chunk) + slab, 0) * packed.piece_words;
    unsigned* to = weights_of(stage) + slab * slab_words + outer_row * tile.inner_tiles * row_group_words;
    copy_bulk(to, from, (whole_slabs ? outer : 1) * inner * bytes, full(stage));
  }

  __device__ __forceinline__ void consume() const {
    float sums[1][row_groups][4];
    Base::start(sums);
#pragma unroll 1
    for (int step = 0; step < end_chunk() - first_chunk(); ++step) {
      const int stage = step % tile.stages;
      wait(full(stage), step / tile.stages % 2);
#pragma unroll
      for (int slab = 0; slab < stage_slabs; ++slab) multiply(stage, slab, sums[0]);
      if (lane == 0) arrive(empty(stage));
    }
    if (Base::is_whole(sums)) Base::store(sums);
  }

  __device__ __forceinline__ void multiply(int stage, int slab, float (&sums)[row_groups][4]) const {
    const unsigned* inputs =
        inputs_of(stage) + (16 * slab + lane % 4) * input_pitch + halo + column_warp * 16 + lane / 4;
    const unsigned* weights = weights_of(stage) + slab * slab_words;
    unsigned a[taps][2][1][4];
#pragma unroll
    for (int tap = 0; tap < taps; ++tap) Base::load_inputs(inputs - tap * input_step, a[tap]);
    fence_products();
#pragma unroll
    for (int tap = 0; tap < taps; ++tap)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int n = 0; n < row_groups; n += instruction_rows / 8)
          multiply(sums + n, a[tap][half][0],
                   matrix_descriptor(weights + n * row_group_words + tap * WgmmaWeights::piece_words +
                                         half * 2 * WgmmaWeights::core_words,
                                     4 * WgmmaWeights::core_words, 4 * row_group_words));
    commit_products();
    wait_products<0>();
    sync_warp();
  }
  static __device__ __forceinline__ void multiply(float (*d)[4], const unsigned (&a)[4], unsigned long long b) {
    if constexpr (layer.element == Element::float32)
      wgmma_tf32<instruction_rows>(d, a, b);
    else if constexpr (layer.element == Element::float16)
      wgmma_float16<instruction_rows>(d, a, b);
    else
      wgmma_bfloat16<instruction_rows>(d, a, b);
  }
};

template <Layer layer, WgmmaTile tile>
__device__ __forceinline__ void wgmma(const Arguments& arguments) {
  Wgmma<layer, tile>(arguments).run();
}

}  // namespace unstride::gpu
