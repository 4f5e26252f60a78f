#include "codegen/cpu/amx_outputs.h"

#include <llvm/IR/IRBuilder.h>

#include <algorithm>

#include "codegen/cpu/interleave.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

// Shorter ones are copied faster by the element.
constexpr std::int64_t shortest_piece = 4;

}  // namespace

AmxOutputs::AmxOutputs(Emitter& emit, const TileShape& shape)
    : emit_(emit), shape_(shape), phases_(shape.run.phases), lanes_(emit.problem.lanes) {
  const plan::RowRun& run = shape.run;
  transposes_ = phases_ == emit.problem.spec.stride && lanes_ % phases_ == 0 && run.channels % (lanes_ / phases_) == 0;
  if (transposes_) channels_at_once_ = lanes_ / phases_;
  columns_at_once_ = transposes_ ? std::max<std::int64_t>(2, channels_at_once_) : phases_ > lanes_ ? 2 : 4;
}

std::int64_t AmxOutputs::batches() const {
  if (!transposes_ && phases_ < shortest_piece) return 0;
  return shape_.run.channels / channels_at_once_ * (shape_.geometry.tile_columns / columns_at_once_);
}

Value* AmxOutputs::possible(const TileArguments& tile) {
  auto& b = emit_.builder;
  if (shape_.columns != shape_.geometry.tile_columns || batches() == 0) return b.getFalse();
  Value* outputs = emit_.i64((shape_.columns - 1) * emit_.problem.spec.stride + phases_);
  Value* inside = emit_.inside(tile.output, outputs, tile.output_length);
  Value* left_over = b.CreateURem(tile.live_channels, emit_.i64(channels_at_once_));
  return b.CreateAnd(inside, b.CreateICmpEQ(left_over, emit_.i64(0)));
}

Value* AmxOutputs::batches_of(Value* live_channels) {
  return emit_.builder.CreateUDiv(emit_.mul(live_channels, batches()), emit_.i64(shape_.run.channels));
}

Value* AmxOutputs::emit_some(const WaitingTile& tile, Value* first, std::int64_t batches) {
  Value* end = emit_.min(tile.batches, emit_.add(first, batches));
  emit_batches(tile, first, end);
  return end;
}

void AmxOutputs::emit_all_from(const WaitingTile& tile, Value* first) {
  emit_batches(tile, first, tile.batches);
}

void AmxOutputs::emit_batches(const WaitingTile& tile, Value* first, Value* end) {
  emit_.loop(first, end, 1, [&](Value* batch) {
    Value* in_a_row = emit_.i64(shape_.geometry.tile_columns / columns_at_once_);
    Value* channel = emit_.mul(emit_.builder.CreateUDiv(batch, in_a_row), channels_at_once_);
    Value* column = emit_.mul(emit_.builder.CreateURem(batch, in_a_row), columns_at_once_);
    if (transposes_)
      emit_block(tile, channel, column);
    else
      emit_pieces(tile, channel, column);
  });
}

// A vector of sums holds all phases of some channels in one column: as many columns give as many vectors, each of
// one channel.
void AmxOutputs::emit_block(const WaitingTile& tile, Value* channel, Value* column) {
  Value* from = emit_.at(tile.sums, emit_.add(emit_.mul(column, shape_.run.rows), emit_.mul(channel, phases_)));
  Value* output = emit_.mul(column, phases_);
  for (std::int64_t done = 0; done < columns_at_once_; done += channels_at_once_) {
    Values vectors;
    for (std::int64_t i = 0; i < channels_at_once_; ++i)
      vectors.push_back(emit_.load_vector(emit_.at(from, (done + i) * shape_.run.rows), true));
    vectors = transposed(emit_, vectors);
    for (std::int64_t i = 0; i < channels_at_once_; ++i)
      store(tile, vectors[static_cast<std::size_t>(i)], emit_.add(channel, i), emit_.add(output, done * phases_));
  }
}

// What a channel has in one column lies together: some vectors, the last of them in part.
void AmxOutputs::emit_pieces(const WaitingTile& tile, Value* channel, Value* column) {
  for (std::int64_t i = 0; i < columns_at_once_; ++i) {
    Value* at = emit_.add(column, i);
    Value* from = emit_.at(tile.sums, emit_.add(emit_.mul(at, shape_.run.rows), emit_.mul(channel, phases_)));
    Value* output = emit_.mul(at, emit_.problem.spec.stride);
    for (std::int64_t done = 0; done < phases_; done += lanes_) {
      Value* none = emit_.i64(0);
      Value* mask = phases_ - done >= lanes_ ? nullptr : emit_.lanes_within(none, none, emit_.i64(phases_ - done));
      store(tile, emit_.load_vector(emit_.at(from, done), false), channel, emit_.add(output, done), mask);
    }
  }
}

void AmxOutputs::store(const WaitingTile& tile, Value* sums, Value* channel, Value* output, Value* mask) {
  Value* value = emit_.rounded_by_unit(emit_.activate(emit_.problem.spec.epilogue, sums));
  Value* to = emit_.at_stored(tile.y, emit_.add(emit_.mul(channel, tile.y_pitch), output));
  if (mask)
    emit_.masked_store_rounded(value, to, mask);
  else
    emit_.store_rounded(value, to, false);
}

}  // namespace unstride::cpu
