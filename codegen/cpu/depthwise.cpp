// Rows of one input channel: each output channel's row is one pass over its input, read where it lies.
//
//   for item, of as many groups as follow each other:
//     for some rows at a time:
//       for row: for each column tile inside both x and y: plain loads and stores
//       for each column tile at an end: its masks; for row: masked loads and stores
//
// All rows of an item have the same ends. Short rows are nothing else, so what an end needs is found once for many
// rows.
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

// Some rows of the output, as the two functions that compute them.
class Rows {
 public:
  Rows(Emitter& e, const plan::CpuPlan& plan, const plan::CpuGeometry& g)
      : emit(e),
        p(e.problem.polyphase),
        geometry(g),
        vectors(std::get<plan::Depthwise>(plan.tile).vectors),
        tile_columns(std::int64_t{vectors} * e.problem.lanes) {}

  // Both take the first group's x, weights, biases and y, the pitches of x and y, and a range of rows; then
  // i64 begin, i64 end: columns whose tiles lie inside both x and y.
  llvm::Function* middles() {
    llvm::Function* result = begin_function("");
    Value *begin = result->getArg(8), *end = result->getArg(9);
    for_each_row([&] {
      if (plan::depthwise_weights_stay(emit.problem, vectors)) weights_in_registers = load_weights();
      emit.loop(begin, end, tile_columns, [&](Value* q) { tile(q, nullptr); });
      weights_in_registers.clear();
    });
    emit.end_function();
    return result;
  }

  // i64 input_length, i64 output_length, i64 q: one tile, at any place.
  llvm::Function* ends() {
    llvm::Function* result = begin_function("_masked");
    Value* q = result->getArg(10);
    const Masks masks = masks_at(q, result->getArg(8), result->getArg(9));
    for_each_row([&] { tile(q, &masks); });
    emit.end_function();
    return result;
  }

 private:
  struct Masks {
    std::map<std::int64_t, Values> inputs;  // [delay][vector]
    Values outputs;
  };

  llvm::Function* begin_function(const std::string& suffix) {
    std::vector<llvm::Type*> types(4, emit.pointer_type());
    types.resize(suffix.empty() ? 10 : 11, emit.i64_type());
    llvm::Function* result = emit.begin_function(fmt::format("{}{}_{}phases_{}taps_{}columns", plan::Depthwise::name,
                                                             suffix, p.phases(), p.max_taps(), tile_columns),
                                                 types);
    const std::array parameters = {&all_x,   &all_weights, &all_biases, &all_y,
                                   &x_pitch, &y_pitch,     &first_row,  &last_row};
    for (unsigned i = 0; i < parameters.size(); ++i) *parameters[i] = result->getArg(i);
    return result;
  }

  void for_each_row(const std::function<void()>& body) {
    const plan::RowRun& run = geometry.weights.runs.front();
    emit.loop(first_row, last_row, 1, [&](Value* row) {
      Value* group = emit.builder.CreateUDiv(row, emit.i64(emit.problem.out_channels()));
      x = emit.at_stored(all_x, emit.mul(group, x_pitch));
      weights = emit.at(all_weights, emit.mul(row, geometry.weights.tile_weights(run)));
      bias = emit.at(all_biases, emit.mul(row, run.rows));
      y = emit.at_stored(all_y, emit.mul(row, y_pitch));
      body();
    });
  }

  Masks masks_at(Value* q, Value* input_length, Value* output_length) {
    Masks masks;
    for (std::int64_t tap = 0; tap < p.max_taps(); ++tap)
      for (std::int64_t phase = 0; phase < p.phases() && tap < p.taps(phase); ++phase) {
        const std::int64_t delay = delay_of(phase, tap);
        Values& window = masks.inputs[delay];
        for (std::int64_t v = std::ssize(window); v < vectors; ++v)
          window.push_back(
              emit.lanes_inside(emit.add(q, v * emit.problem.lanes - delay), input_length, emit.problem.lanes));
      }
    for (std::int64_t i = 0; i < vectors * p.stride; ++i)
      masks.outputs.push_back(
          emit.lanes_inside(emit.add(output_at(q), i * emit.problem.lanes), output_length, emit.problem.lanes));
    return masks;
  }

  std::int64_t delay_of(std::int64_t phase, std::int64_t tap) const { return p.delay(phase) + tap * p.input_step; }

  // The index in a row of y of column q's first output. May be negative.
  Value* output_at(Value* q) { return emit.sub(emit.mul(q, p.stride), emit.i64(plan::grid_offset(emit.problem.spec))); }

  // Zeros outside the input stay zeros.
  Value* load(Value* at, Value* inside) {
    const Activation& prologue = emit.problem.spec.prologue;
    if (!inside) return emit.activate(prologue, emit.load_input(at));
    Value* value = emit.activate(prologue, emit.masked_load_input(at, inside));
    return emit.builder.CreateSelect(inside, value, llvm::Constant::getNullValue(emit.vector));
  }

  Value* load_weight(std::int64_t tap) { return emit.load_splat(emit.at(weights, emit.i64(tap))); }

  Values load_weights() {
    Values all;
    for (std::int64_t i = 0; i < geometry.weights.tile_weights(geometry.weights.runs.front()); ++i)
      all.push_back(load_weight(i));
    return all;
  }

  // Sums [phase][vector].
  std::vector<Values> sums(Value* q, const Masks* masks) {
    std::vector<Values> result(static_cast<std::size_t>(p.phases()),
                               Values(static_cast<std::size_t>(vectors), emit.load_splat(bias)));
    for (std::int64_t tap = 0; tap < p.max_taps(); ++tap) {
      Value* row = emit.opaque(x);
      std::map<std::int64_t, Values> windows;
      for (std::int64_t phase = 0; phase < p.phases() && tap < p.taps(phase); ++phase) {
        const std::int64_t delay = delay_of(phase, tap);
        Values& window = windows[delay];
        for (std::int64_t v = std::ssize(window); v < vectors; ++v)
          window.push_back(load(emit.at_stored(row, emit.add(q, v * emit.problem.lanes - delay)),
                                masks ? masks->inputs.at(delay)[static_cast<std::size_t>(v)] : nullptr));
        const std::int64_t place = tap * p.phases() + phase;
        Value* weight =
            weights_in_registers.empty() ? load_weight(place) : weights_in_registers[static_cast<std::size_t>(place)];
        Values& acc = result[static_cast<std::size_t>(phase)];
        for (std::size_t v = 0; v < acc.size(); ++v) acc[v] = emit.fma(weight, window[v], acc[v]);
      }
    }
    return result;
  }

  void tile(Value* q, const Masks* masks) {
    const Activation& epilogue = emit.problem.spec.epilogue;
    const std::vector<Values> by_phase = sums(q, masks);
    Value* idle = p.has_bias_only_phases() ? emit.activate(epilogue, emit.load_splat(bias)) : nullptr;
    for (std::size_t v = 0; v < static_cast<std::size_t>(vectors); ++v) {
      Values pieces(static_cast<std::size_t>(p.stride), idle);
      for (std::int64_t phase = 0; phase < p.phases(); ++phase)
        pieces[static_cast<std::size_t>(p.phase(phase))] =
            emit.activate(epilogue, by_phase[static_cast<std::size_t>(phase)][v]);
      pieces = interleave(emit, pieces);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        const std::size_t piece = v * pieces.size() + i;
        Value* at = emit.add(output_at(q), static_cast<std::int64_t>(piece) * emit.problem.lanes);
        if (masks)
          emit.masked_store_rounded(emit.rounded(pieces[i]), emit.at_stored(y, at), masks->outputs[piece]);
        else
          emit.store_rounded(emit.rounded(pieces[i]), emit.at_stored(y, at), false);
      }
    }
  }

  Emitter& emit;
  const plan::Polyphase& p;
  const plan::CpuGeometry& geometry;
  const int vectors;
  const std::int64_t tile_columns;
  Value *all_x = nullptr, *all_weights = nullptr, *all_biases = nullptr, *all_y = nullptr;
  Value *x_pitch = nullptr, *y_pitch = nullptr, *first_row = nullptr, *last_row = nullptr;
  Value *x = nullptr, *weights = nullptr, *bias = nullptr, *y = nullptr;  // of the row
  Values weights_in_registers;                                            // [tap][phase], where there is room for them
};

// Of the tiles of the columns [begin, end), those that lie inside both x and y, as a range of columns.
std::pair<Value*, Value*> inside(Emitter& emit, std::int64_t tile_columns, Value* begin, Value* end,
                                 const KernelFrame& frame) {
  auto& b = emit.builder;
  const plan::Polyphase& p = emit.problem.polyphase;
  const std::int64_t offset = plan::grid_offset(emit.problem.spec);
  const std::int64_t earliest = std::max(p.reach(), support::ceil_div(offset, p.stride));
  Value* skipped = emit.max(emit.i64(0), emit.sub(emit.i64(earliest), begin));
  skipped = emit.mul(b.CreateUDiv(emit.add(skipped, tile_columns - 1), emit.i64(tile_columns)), tile_columns);
  Value* first = emit.min(emit.add(begin, skipped), end);
  // Columns from `first` on that have all their inputs and all their outputs.
  Value* outputs = emit.max(emit.i64(0), emit.sub(emit.add(frame.output_length, offset), emit.mul(first, p.stride)));
  Value* columns = emit.min(emit.sub(frame.input_length, first), b.CreateUDiv(outputs, emit.i64(p.stride)));
  columns = emit.max(emit.i64(0), emit.min(columns, emit.sub(end, first)));
  Value* whole = emit.mul(b.CreateUDiv(columns, emit.i64(tile_columns)), tile_columns);
  return {first, emit.add(first, whole)};
}

// So many rows of so many columns that they are still in the first-level cache when their ends follow their middles.
Value* rows_at_a_time(Emitter& emit, Value* columns) {
  const std::int64_t column_bytes = (1 + emit.problem.spec.stride) * size_in_bytes(emit.problem.spec.dtype);
  const std::int64_t room = emit.problem.target.l1_bytes / 2 / column_bytes;
  return emit.max(emit.i64(1), emit.builder.CreateUDiv(emit.i64(room), columns));
}

}  // namespace

void emit_depthwise_kernel(Emitter& emit, const plan::CpuPlan& plan, const std::string& symbol) {
  const plan::CpuGeometry geometry(emit.problem, plan);
  llvm::Function* middles = Rows(emit, plan, geometry).middles();
  llvm::Function* ends = Rows(emit, plan, geometry).ends();
  KernelFrame frame(emit, geometry);
  frame.join_groups = true;
  frame.emit(symbol, [&](const WorkItem& item) {
    // Groups are joined where an item has all their rows.
    Value* before = emit.mul(emit.sub(item.groups, emit.i64(1)), emit.problem.out_channels());
    Value* last_row = emit.add(item.last_tile, before);
    Value* end = emit.add(item.column, item.columns);
    const std::pair<Value*, Value*> plain = inside(emit, geometry.tile_columns, item.column, end, frame);
    Value* width = emit.sub(plain.second, plain.first);
    Value* step = rows_at_a_time(emit, item.columns);
    emit.loop(item.first_tile, last_row, {}, [&](Value* row, const Values&) -> Emitter::Step {
      const Values rows = {item.x,        item.weights,  item.biases, item.y,
                           frame.x_pitch, frame.y_pitch, row,         emit.min(last_row, emit.add(row, step))};
      Values arguments = rows;
      arguments.insert(arguments.end(), {plain.first, plain.second});
      emit.builder.CreateCall(middles, arguments);
      // The tiles before and behind those, by one loop.
      emit.loop(item.column, emit.sub(end, width), geometry.tile_columns, [&](Value* q) {
        Value* is_before = emit.builder.CreateICmpSLT(q, plain.first);
        Value* at = emit.builder.CreateSelect(is_before, q, emit.add(q, width));
        Values masked = rows;
        masked.insert(masked.end(), {frame.input_length, frame.output_length, at});
        emit.builder.CreateCall(ends, masked);
      });
      return {step, {}};
    });
  });
}

}  // namespace unstride::cpu
