// Rows of one input channel: each output channel's row is one pass over its input, read where it lies.
//
//   for item: for output channel of the chunk: row(...)
//   row: column tiles inside both x and y by plain loads and stores, those at an end by masked ones
#include "codegen/cpu/depthwise.h"

#include <fmt/format.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <algorithm>
#include <array>
#include <map>

#include "codegen/cpu/interleave.h"
#include "codegen/cpu/work_items.h"
#include "support/checked_math.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

// The columns [begin, end) of one row of the output.
class Row {
 public:
  Row(Emitter& e, const plan::CpuPlan& plan)
      : emit(e),
        p(e.problem.polyphase),
        vectors(std::get<plan::Depthwise>(plan.tile).vectors),
        tile_columns(vectors * e.problem.lanes) {}

  // void row(ptr x, ptr weights, ptr bias, ptr y, i64 begin, i64 end, i64 input_length, i64 output_length)
  llvm::Function* function() {
    const std::array types = {emit.pointer_type(), emit.pointer_type(), emit.pointer_type(), emit.pointer_type(),
                              emit.i64_type(),     emit.i64_type(),     emit.i64_type(),     emit.i64_type()};
    llvm::Function* result = emit.begin_function(
        fmt::format("{}_{}phases_{}taps_{}columns", plan::Depthwise::name, p.phases(), p.max_taps(), tile_columns),
        types);
    const std::array parameters = {&x, &weights, &bias, &y, &begin, &end, &input_length, &output_length};
    for (unsigned i = 0; i < parameters.size(); ++i) *parameters[i] = result->getArg(i);

    const std::pair<Value*, Value*> plain = inside();
    emit.loop(plain.first, plain.second, tile_columns, [&](Value* q) { tile(q, false); });
    // The others, before and behind those, by one loop.
    Value* width = emit.sub(plain.second, plain.first);
    emit.loop(begin, emit.sub(end, width), tile_columns, [&](Value* q) {
      Value* before = emit.builder.CreateICmpSLT(q, plain.first);
      tile(emit.builder.CreateSelect(before, q, emit.add(q, width)), true);
    });
    emit.end_function();
    return result;
  }

 private:
  // The tiles that lie inside both x and y, as a range of columns.
  std::pair<Value*, Value*> inside() {
    auto& b = emit.builder;
    const std::int64_t offset = plan::grid_offset(emit.problem.spec);
    const std::int64_t earliest = std::max(p.reach(), support::ceil_div(offset, p.stride));
    Value* skipped = emit.max(emit.i64(0), emit.sub(emit.i64(earliest), begin));
    skipped = emit.mul(b.CreateUDiv(emit.add(skipped, tile_columns - 1), emit.i64(tile_columns)), tile_columns);
    Value* first = emit.min(emit.add(begin, skipped), end);
    // Columns from `first` on that have all their inputs and all their outputs.
    Value* outputs = emit.max(emit.i64(0), emit.sub(emit.add(output_length, offset), emit.mul(first, p.stride)));
    Value* columns = emit.min(emit.sub(input_length, first), b.CreateUDiv(outputs, emit.i64(p.stride)));
    columns = emit.max(emit.i64(0), emit.min(columns, emit.sub(end, first)));
    Value* whole = emit.mul(b.CreateUDiv(columns, emit.i64(tile_columns)), tile_columns);
    return {first, emit.add(first, whole)};
  }

  // Lanes l with 0 <= first + l < end, for any 64-bit numbers.
  Value* mask(Value* first, Value* end) {
    Value *none = emit.i64(0), *all = emit.i64(emit.problem.lanes);
    Value* low = emit.min(emit.max(emit.sub(none, first), none), all);
    Value* high = emit.min(emit.max(emit.sub(end, first), none), all);
    return emit.lanes_within(none, low, high);
  }

  Value* load(Value* row, Value* index, bool masked) {
    const Activation& prologue = emit.problem.spec.prologue;
    if (!masked) return emit.activate(prologue, emit.load_input(emit.at_stored(row, index)));
    Value* inside = mask(index, input_length);
    Value* value = emit.activate(prologue, emit.masked_load_input(emit.at_stored(row, index), inside));
    return emit.builder.CreateSelect(inside, value, llvm::Constant::getNullValue(emit.vector));
  }

  // Sums [phase][vector].
  std::vector<Values> sums(Value* q, bool masked) {
    std::vector<Values> result(static_cast<std::size_t>(p.phases()),
                               Values(static_cast<std::size_t>(vectors), emit.load_splat(bias)));
    for (std::int64_t tap = 0; tap < p.max_taps(); ++tap) {
      Value* row = emit.opaque(x);
      std::map<std::int64_t, Values> windows;
      for (std::int64_t phase = 0; phase < p.phases() && tap < p.taps(phase); ++phase) {
        const std::int64_t delay = p.delay(phase) + tap * p.input_step;
        Values& window = windows[delay];
        for (std::int64_t v = std::ssize(window); v < vectors; ++v)
          window.push_back(load(row, emit.add(q, v * emit.problem.lanes - delay), masked));
        Value* weight = emit.load_splat(emit.at(weights, tap * p.phases() + phase));
        Values& acc = result[static_cast<std::size_t>(phase)];
        for (std::size_t v = 0; v < acc.size(); ++v) acc[v] = emit.fma(weight, window[v], acc[v]);
      }
    }
    return result;
  }

  void tile(Value* q, bool masked) {
    Value* output = emit.sub(emit.mul(q, p.stride), emit.i64(plan::grid_offset(emit.problem.spec)));
    const Activation& epilogue = emit.problem.spec.epilogue;
    const std::vector<Values> by_phase = sums(q, masked);
    Value* idle = p.has_bias_only_phases() ? emit.activate(epilogue, emit.load_splat(bias)) : nullptr;
    for (std::size_t v = 0; v < static_cast<std::size_t>(vectors); ++v) {
      Values pieces(static_cast<std::size_t>(p.stride), idle);
      for (std::int64_t phase = 0; phase < p.phases(); ++phase)
        pieces[static_cast<std::size_t>(p.phase(phase))] =
            emit.activate(epilogue, by_phase[static_cast<std::size_t>(phase)][v]);
      pieces = interleave(emit, pieces);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto before = static_cast<std::int64_t>(v * pieces.size() + i) * emit.problem.lanes;
        Value* at = emit.add(output, before);
        if (masked)
          emit.masked_store_rounded(emit.rounded(pieces[i]), emit.at_stored(y, at), mask(at, output_length));
        else
          emit.store_rounded(emit.rounded(pieces[i]), emit.at_stored(y, at), false);
      }
    }
  }

  Emitter& emit;
  const plan::Polyphase& p;
  const std::int64_t vectors, tile_columns;
  Value *x = nullptr, *weights = nullptr, *bias = nullptr, *y = nullptr, *begin = nullptr, *end = nullptr;
  Value *input_length = nullptr, *output_length = nullptr;
};

}  // namespace

void emit_depthwise_kernel(Emitter& emit, const plan::CpuPlan& plan, const std::string& symbol) {
  llvm::Function* row = Row(emit, plan).function();
  const plan::CpuGeometry geometry(emit.problem, plan);
  const plan::RowRun& run = geometry.weights.runs.front();
  KernelFrame frame(emit, geometry);
  frame.emit(symbol, [&](const WorkItem& item) {
    emit.loop(item.first_tile, item.last_tile, 1, [&](Value* channel) {
      emit.builder.CreateCall(
          row,
          {item.x, emit.at(item.weights, emit.mul(channel, geometry.weights.tile_weights(run))),
           emit.at(item.biases, emit.mul(channel, run.rows)), emit.at_stored(item.y, emit.mul(channel, frame.y_pitch)),
           item.column, emit.add(item.column, item.columns), frame.input_length, frame.output_length});
    });
  });
}

}  // namespace unstride::cpu
