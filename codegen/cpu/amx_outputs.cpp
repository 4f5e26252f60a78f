#include "codegen/cpu/amx_outputs.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/IRBuilder.h>

#include <algorithm>

#include "codegen/cpu/interleave.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

// Shorter ones are copied faster by the element.
constexpr std::int64_t shortest_piece = 3;

}  // namespace

AmxOutputs::AmxOutputs(Emitter& emit, const TileShape& shape)
    : emit_(emit), shape_(shape), phases_(shape.run.phases), lanes_(emit.problem.lanes) {
  transposes_ = plan::amx_outputs_fill_vectors(emit.problem, shape.run);
  columns_of_a_vector_ = plan::amx_columns_of_a_vector(emit.problem, shape.run);
  columns_at_once_ = phases_ > lanes_ ? 2 : columns_of_a_vector_ > 1 ? 8 : 4;
  if (!transposes_) return;
  channels_at_once_ = lanes_ / phases_;
  in_pairs_ = emit.problem.spec.dtype == DType::bfloat16 && shape.geometry.tile_columns % (2 * channels_at_once_) == 0;
  columns_at_once_ = in_pairs_ ? 2 * channels_at_once_ : std::max<std::int64_t>(2, channels_at_once_);
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

// A vector of sums holds all phases of some channels in one column: as many columns, or pairs of them, give as many
// vectors, each of one channel.
void AmxOutputs::emit_block(const WaitingTile& tile, Value* channel, Value* column) {
  Value* from = emit_.at(tile.sums, emit_.add(emit_.mul(column, shape_.run.rows), emit_.mul(channel, phases_)));
  const std::int64_t stride = emit_.problem.spec.stride;
  Value* output = emit_.mul(column, stride);
  const auto sums_of = [&](std::int64_t i) {
    return emit_.activate(emit_.problem.spec.epilogue, emit_.load_vector(emit_.at(from, i * shape_.run.rows), true));
  };
  const std::int64_t step = in_pairs_ ? 2 * channels_at_once_ : channels_at_once_;
  for (std::int64_t done = 0; done < columns_at_once_; done += step) {
    Values vectors;
    for (std::int64_t i = done; i < done + step; i += step / channels_at_once_)
      vectors.push_back(in_pairs_ ? emit_.rounded_by_unit(sums_of(i), sums_of(i + 1)) : sums_of(i));
    vectors = transposed(emit_, vectors, static_cast<int>(phases_));
    for (std::int64_t i = 0; i < channels_at_once_; ++i) {
      Value* vector = vectors[static_cast<std::size_t>(i)];
      store_spread(tile, in_pairs_ ? vector : emit_.rounded_by_unit(vector), emit_.add(channel, i),
                   emit_.add(output, done * stride));
    }
  }
}

// All phases of some columns of one channel: in y, columns lie a stride apart.
void AmxOutputs::store_spread(const WaitingTile& tile, Value* rounded, Value* channel, Value* output) {
  const std::int64_t stride = emit_.problem.spec.stride;
  if (phases_ == stride) return store(tile, rounded, channel, output);
  auto& b = emit_.builder;
  const std::int64_t lanes = llvm::cast<llvm::FixedVectorType>(rounded->getType())->getNumElements();
  const std::int64_t width = (lanes / phases_ - 1) * stride + phases_;
  for (std::int64_t first = 0; first < width; first += lanes) {
    std::vector<int> sources;
    std::vector<llvm::Constant*> used;
    for (std::int64_t at = first; at < first + lanes; ++at) {
      const bool is_used = at < width && at % stride < phases_;
      sources.push_back(is_used ? static_cast<int>(at / stride * phases_ + at % stride) : llvm::PoisonMaskElem);
      used.push_back(b.getInt1(is_used));
    }
    store(tile, emit_.shuffle(rounded, rounded, sources), channel, emit_.add(output, first),
          llvm::ConstantVector::get(used));
  }
}

// What a channel has in one column lies together, and in y the next column's follows a stride further: a vector of some
// columns, or of a part of one.
void AmxOutputs::emit_pieces(const WaitingTile& tile, Value* channel, Value* column) {
  const std::int64_t stride = emit_.problem.spec.stride;
  const auto lanes_from = [&](std::int64_t first, std::int64_t count) {
    return emit_.lanes_within(emit_.i64(0), emit_.i64(first), emit_.i64(first + count));
  };
  for (std::int64_t done = 0; done < columns_at_once_; done += columns_of_a_vector_) {
    Value* at = emit_.add(column, done);
    Value* from = emit_.at(tile.sums, emit_.add(emit_.mul(at, shape_.run.rows), emit_.mul(channel, phases_)));
    Value* output = emit_.mul(at, stride);
    const std::int64_t columns = std::min(columns_of_a_vector_, columns_at_once_ - done);
    for (std::int64_t phase = 0; phase < phases_; phase += lanes_) {
      const std::int64_t count = std::min(lanes_, phases_ - phase);
      Value* vector = emit_.load_vector(emit_.at(from, phase), false);
      Value* mask = lanes_from(0, count);
      for (std::int64_t i = 1; i < columns; ++i) {
        Value* lanes = lanes_from(i * stride, count);
        vector = emit_.masked_load(emit_.at(from, i * (shape_.run.rows - stride)), lanes, vector);
        mask = emit_.builder.CreateOr(mask, lanes);
      }
      store(tile, emit_.rounded_by_unit(emit_.activate(emit_.problem.spec.epilogue, vector)), channel,
            emit_.add(output, phase), count < lanes_ ? mask : nullptr);
    }
  }
}

void AmxOutputs::store(const WaitingTile& tile, Value* rounded, Value* channel, Value* output, Value* mask) {
  Value* to = emit_.at_stored(tile.y, emit_.add(emit_.mul(channel, tile.y_pitch), output));
  if (mask)
    emit_.masked_store_rounded(rounded, to, mask);
  else
    emit_.store_rounded(rounded, to, false);
}

}  // namespace unstride::cpu
