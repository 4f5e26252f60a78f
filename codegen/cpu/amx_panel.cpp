// The input panel of the matrix unit: the channels of one column side by side, 32 at a time, in bfloat16 parts.
//
// Rows of x become columns of the panel: pairs of channels are joined to 32-bit lanes, and squares of 16 pairs by 16
// columns are transposed.
#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>

#include "codegen/cpu/amx.h"
#include "codegen/cpu/interleave.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

constexpr std::int64_t square = 16;  // columns, and pairs of channels

class PanelPacker {
 public:
  PanelPacker(Emitter& e, const plan::CpuPlan& p, const plan::CpuGeometry& g)
      : emit(e), plan(p), geometry(g), parts(plan::amx_parts(e.problem, p).inputs) {}

  llvm::Function* function() {
    const std::array types = {emit.pointer_type(), emit.pointer_type(), emit.i64_type(),
                              emit.i64_type(),     emit.i64_type(),     emit.i64_type(),
                              emit.i64_type(),     emit.i64_type(),     emit.i64_type()};
    llvm::Function* result = emit.begin_function("pack_panel", types);
    Value *first_input = result->getArg(3), *columns = result->getArg(6), *input_length = result->getArg(8);
    x = result->getArg(1);
    x_pitch = result->getArg(2);
    const std::int64_t reach = emit.problem.polyphase.reach();
    const Values begin = {result->getArg(0)};
    emit.loop(result->getArg(4), result->getArg(5), begin, [&](Value* column, const Values& strip) -> Emitter::Step {
      panel = strip[0];
      first = emit.add(first_input, column);
      width = emit.min(emit.add(emit.sub(columns, column), reach + geometry.overhang), emit.i64(plan.strip + reach));
      low = emit.min(emit.max(emit.i64(0), emit.sub(emit.i64(0), first)), width);
      high = emit.max(low, emit.min(width, emit.sub(input_length, first)));
      pack_strip();
      return {result->getArg(7), {emit.at(panel, geometry.strip_elements)}};
    });
    emit.end_function();
    return result;
  }

 private:
  void pack_strip() {
    const std::int64_t channels = emit.problem.in_channels(), blocks = channels / plan::AmxTiles::channels;
    emit.loop(emit.i64(0), emit.i64(blocks), 1, [&](Value* block) { pack_block(block, plan::AmxTiles::channels); });
    if (channels % plan::AmxTiles::channels != 0) pack_block(emit.i64(blocks), channels % plan::AmxTiles::channels);
  }

  void pack_block(Value* block, std::int64_t channels) {
    Value* from = emit.at_stored(x, emit.add(emit.mul(emit.mul(block, plan::AmxTiles::channels), x_pitch), first));
    const std::int64_t block_elements = plan::AmxTiles::channels * geometry.panel_pitch;
    Value* to = emit.at(panel, emit.mul(block, block_elements));
    const auto pack_arithmetic = [&](Value* e) {
      Value* mask = emit.lanes_within(e, low, high);
      std::vector<Values> pairs(static_cast<std::size_t>(parts));
      Value* row = emit.at_stored(from, e);
      for (std::int64_t channel = 0; channel < 2 * square; channel += 2) {
        Value* even = channel < channels ? input(row, mask) : nullptr;
        if (even) row = emit.at_stored(row, x_pitch);
        Value* odd = channel + 1 < channels ? input(row, mask) : nullptr;
        if (odd) row = emit.at_stored(row, x_pitch);
        split(even, odd, pairs);
      }
      for (std::size_t part = 0; part < pairs.size(); ++part) {
        const Values columns = transposed(emit, pairs[part], 1);
        Value* lines = emit.at(to, static_cast<std::int64_t>(part) * (block_elements / parts));
        for (std::int64_t i = 0; i < square; ++i)
          emit.store_vector(columns[static_cast<std::size_t>(i)],
                            emit.at(lines, emit.mul(emit.add(e, i), geometry.column_step)), true);
      }
    };
    emit.loop(emit.i64(0), width, square, [&](Value* e) {
      if (!plan::amx_moves_inputs(emit.problem) || channels != plan::AmxTiles::channels) return pack_arithmetic(e);
      emit.branch(
          emit.inside(emit.sub(e, low), emit.i64(square), emit.sub(high, low)),
          [&] { pack_exact(emit.at_stored(from, e), emit.at(to, emit.mul(e, geometry.column_step))); },
          [&] { pack_arithmetic(e); });
    });
  }

  // Squares of 8 channels by 8 columns, one in each quarter of a vector, which loads put together: with half the
  // shuffles of squares of pairs. Each row is read to its end before the next, as many of them may want the same few
  // cache lines.
  void pack_exact(Value* from, Value* lines) {
    constexpr std::int64_t quarter = 8;
    auto& b = emit.builder;
    auto* quarter_type = llvm::FixedVectorType::get(emit.storage, quarter);
    auto* line_type = llvm::FixedVectorType::get(emit.storage, plan::AmxTiles::channels);
    const auto alignment = llvm::Align(static_cast<std::uint64_t>(emit.problem.storage_bytes()));
    std::array<Values, square / quarter> squares;
    for (Values& vectors : squares) vectors.assign(quarter, llvm::PoisonValue::get(line_type));
    for (std::int64_t channel = 0; channel < plan::AmxTiles::channels; ++channel) {
      Value* row = emit.at_stored(from, emit.mul(x_pitch, channel));
      for (std::size_t i = 0; i < squares.size(); ++i) {
        Value* piece =
            b.CreateAlignedLoad(quarter_type, emit.at_stored(row, static_cast<std::int64_t>(i) * quarter), alignment);
        Value*& vector = squares[i][static_cast<std::size_t>(channel % quarter)];
        vector = b.CreateInsertVector(line_type, vector, piece,
                                      b.getInt64(static_cast<std::uint64_t>(channel / quarter * quarter)));
      }
    }
    for (const Values& vectors : squares)
      for (Value* line : transposed(emit, vectors, 1, quarter)) {
        emit.store_vector(line, lines, true);
        lines = emit.at(lines, geometry.column_step);
      }
  }

  // Zeros outside the input stay zeros.
  Value* input(Value* row, Value* mask) {
    return emit.activate(emit.problem.spec.prologue, emit.masked_load_input(row, mask));
  }

  // Appends both channels' bfloat16 parts, side by side. No value: zeros.
  void split(Value* even, Value* odd, std::vector<Values>& pairs) {
    auto& b = emit.builder;
    if (!odd) odd = llvm::Constant::getNullValue(emit.vector);
    if (!even) even = odd;
    for (std::size_t part = 0; part < pairs.size(); ++part) {
      Value* pair = emit.bfloat16_pair(even, odd);
      pairs[part].push_back(pair);
      if (part + 1 == pairs.size()) break;
      even = b.CreateFSub(even, b.CreateBitCast(b.CreateShl(pair, 16), emit.vector));
      odd = b.CreateFSub(odd, b.CreateBitCast(b.CreateAnd(pair, 0xffff0000), emit.vector));
    }
  }

  Emitter& emit;
  const plan::CpuPlan& plan;
  const plan::CpuGeometry& geometry;
  const int parts;
  Value *panel = nullptr, *x = nullptr, *x_pitch = nullptr, *first = nullptr, *width = nullptr;
  Value *low = nullptr, *high = nullptr;
};

}  // namespace

llvm::Function* emit_pack_amx_panel(Emitter& emit, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry) {
  return PanelPacker(emit, plan, geometry).function();
}

}  // namespace unstride::cpu
