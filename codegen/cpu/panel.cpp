#include "codegen/cpu/panel.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>
#include <functional>

#include "support/checked_math.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

// Where the inputs of a row of a panel begin: of one channel, or of a pair (row_pairs), whose second may be missing.
struct Inputs {
  Value* first = nullptr;
  Value* second = nullptr;
  bool pair = false;
};

// A vector of a row, from element e on. load: a vector from an address, as floats.
Value* row_vector(Emitter& emit, const Inputs& from, Value* e, const std::function<Value*(Value*)>& load) {
  const auto channel = [&](Value* begin) {
    return emit.activate(emit.problem.spec.prologue, load(emit.at_stored(begin, e)));
  };
  Value* first = channel(from.first);
  if (!from.pair) return first;
  Value* none = llvm::Constant::getNullValue(first->getType());
  return emit.bfloat16_pair(first, from.second ? channel(from.second) : none);
}

// The same of the lanes of a mask, with zeros in the others.
Value* masked_row_vector(Emitter& emit, const Inputs& from, Value* e, Value* mask) {
  Value* value = row_vector(emit, from, e, [&](Value* pointer) { return emit.masked_load_input(pointer, mask); });
  return emit.builder.CreateSelect(mask, value, llvm::Constant::getNullValue(value->getType()));
}

// A row of one strip: `width` elements from x[first], zeros outside [0, input_length). Rows of a strip are padded to
// whole vectors (CpuGeometry), so that whole ones are written, and more inputs than asked for do no harm: only the ends
// of the input need a mask.
void copy_row_masked(Emitter& emit, Value* to, const Inputs& x, Value* first, Value* width, Value* input_length) {
  const int lanes = emit.problem.lanes;
  // Masks compare 32-bit numbers.
  Value* low = emit.min(emit.max(emit.i64(0), emit.sub(emit.i64(0), first)), width);
  Value* high = emit.max(low, emit.min(width, emit.sub(input_length, first)));
  emit.loop(emit.i64(0), width, lanes, [&](Value* e) {
    Value* mask = emit.lanes_within(e, low, high);
    emit.store_vector(masked_row_vector(emit, x, emit.add(first, e), mask), emit.at(to, e), true);
  });
}

// The same of a whole strip that lies inside the input.
void copy_row(Emitter& emit, Value* to, const Inputs& x, Value* first, std::int64_t width) {
  const int lanes = emit.problem.lanes;
  const auto copy = [&](Value* e) {
    Value* value = row_vector(emit, x, emit.add(first, e), [&](Value* pointer) { return emit.load_input(pointer); });
    emit.store_vector(value, emit.at(to, e), true);
  };
  constexpr std::int64_t unrolled = 8;
  if (width <= unrolled * lanes)
    for (std::int64_t e = 0; e < width; e += lanes) copy(emit.i64(e));
  else
    emit.loop(emit.i64(0), emit.i64(width), lanes, copy);
}

}  // namespace

llvm::Function* emit_pack_panel(Emitter& emit, const plan::CpuPlan& plan, const plan::CpuGeometry& geometry) {
  const std::array types = {emit.pointer_type(), emit.pointer_type(), emit.i64_type(), emit.i64_type(), emit.i64_type(),
                            emit.i64_type(),     emit.i64_type(),     emit.i64_type(), emit.i64_type()};
  llvm::Function* function = emit.begin_function("pack_panel", types);
  Value *panel = function->getArg(0), *x = function->getArg(1), *x_pitch = function->getArg(2);
  Value *first_input = function->getArg(3), *begin = function->getArg(4), *end = function->getArg(5);
  Value *columns = function->getArg(6), *strip_columns = function->getArg(7), *input_length = function->getArg(8);

  const int lanes = emit.problem.lanes;
  const std::int64_t reach = emit.problem.polyphase.reach();
  const std::int64_t whole = support::round_up(plan.strip + reach, lanes);
  using PackRow = std::function<void(Value*, const Inputs&)>;
  const PackRow pack_strips = [&](Value* row, const Inputs& x_row) {
    // Strip after strip of one row, so that x is read in order.
    emit.loop(begin, end, {row}, [&](Value* column, const Values& strip) -> Emitter::Step {
      auto& b = emit.builder;
      Value* to = strip[0];
      Value* first = emit.add(first_input, column);
      emit.branch(
          emit.inside(first, emit.i64(whole), input_length), [&] { copy_row(emit, to, x_row, first, whole); },
          [&] {
            Value* width = emit.add(emit.sub(columns, column), reach + geometry.overhang + lanes - 1);
            width = b.CreateAnd(emit.min(width, emit.i64(whole)), emit.i64(-std::int64_t{lanes}));
            copy_row_masked(emit, to, x_row, first, width, input_length);
          });
      return {strip_columns, {emit.at(to, geometry.strip_elements)}};
    });
  };
  const bool pairs = plan.reads_pairs();
  const std::int64_t channels = geometry.weights.in_channels, at_once = geometry.weights.channels_at_once;
  const auto pack_channels = [&](Value* channel, bool second, const PackRow& pack_row) {
    Value* row = emit.at(panel, emit.mul(channel, geometry.panel_pitch));
    Value* x_row = emit.at_stored(x, emit.mul(channel, x_pitch));
    pack_row(row, {x_row, second ? emit.at_stored(x_row, x_pitch) : nullptr, pairs});
  };
  const auto pack_all = [&](const PackRow& pack_row) {
    const std::int64_t last = channels % at_once;  // without a second
    emit.loop(emit.i64(0), emit.i64(channels - last), at_once,
              [&](Value* channel) { pack_channels(channel, pairs, pack_row); });
    if (last != 0) pack_channels(emit.i64(channels - last), false, pack_row);
  };
  // A short call is one strip of a vector or two: which of its inputs there are is found once for all rows.
  const auto pack_one_strip = [&] {
    Value* first = emit.add(first_input, begin);
    Values masks;
    for (std::int64_t e = 0; e < whole; e += lanes)
      masks.push_back(emit.lanes_inside(emit.add(first, e), input_length, lanes));
    pack_all([&](Value* row, const Inputs& x_row) {
      for (std::int64_t e = 0; e < whole; e += lanes) {
        Value* mask = masks[static_cast<std::size_t>(e / lanes)];
        emit.store_vector(masked_row_vector(emit, x_row, emit.add(first, e), mask), emit.at(row, e), true);
      }
    });
  };
  if (whole <= std::int64_t{2} * lanes)
    emit.branch(emit.builder.CreateICmpSLE(emit.sub(end, begin), strip_columns), pack_one_strip,
                [&] { pack_all(pack_strips); });
  else
    pack_all(pack_strips);
  emit.end_function();
  return function;
}

}  // namespace unstride::cpu
