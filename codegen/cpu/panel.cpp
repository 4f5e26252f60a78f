#include "codegen/cpu/panel.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>

#include "support/checked_math.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

// One input channel of one strip: `width` elements from x[first], zeros outside [0, input_length). Rows of a strip are
// padded to whole vectors (CpuGeometry), so that whole ones are written, and more inputs than asked for do no harm:
// only the ends of the input need a mask.
void copy_row_masked(Emitter& emit, Value* to, Value* x, Value* first, Value* width, Value* input_length) {
  const Activation& prologue = emit.problem.spec.prologue;
  const int lanes = emit.problem.lanes;
  // Masks compare 32-bit numbers.
  Value* low = emit.min(emit.max(emit.i64(0), emit.sub(emit.i64(0), first)), width);
  Value* high = emit.max(low, emit.min(width, emit.sub(input_length, first)));
  Value* from = emit.at_stored(x, first);
  emit.loop(emit.i64(0), width, lanes, [&](Value* e) {
    Value* mask = emit.lanes_within(e, low, high);
    Value* value = emit.activate(prologue, emit.masked_load_input(emit.at_stored(from, e), mask));
    value = emit.builder.CreateSelect(mask, value, llvm::Constant::getNullValue(emit.vector));
    emit.store_vector(value, emit.at(to, e), true);
  });
}

// The same of a whole strip that lies inside the input.
void copy_row(Emitter& emit, Value* to, Value* from, std::int64_t width) {
  const int lanes = emit.problem.lanes;
  const auto copy = [&](Value* e) {
    Value* value = emit.activate(emit.problem.spec.prologue, emit.load_input(emit.at_stored(from, e)));
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
  emit.loop(emit.i64(0), emit.i64(geometry.weights.in_channels), 1, [&](Value* channel) {
    Value* row = emit.at(panel, emit.mul(channel, geometry.panel_pitch));
    Value* x_row = emit.at_stored(x, emit.mul(channel, x_pitch));
    // Strip after strip of one channel, so that x is read in order.
    emit.loop(begin, end, {row}, [&](Value* column, const Values& strip) -> Emitter::Step {
      auto& b = emit.builder;
      Value* to = strip[0];
      Value* first = emit.add(first_input, column);
      Value* inside =
          b.CreateAnd(b.CreateICmpSGE(first, emit.i64(0)), b.CreateICmpSLE(emit.add(first, whole), input_length));
      emit.branch(
          inside, [&] { copy_row(emit, to, emit.at_stored(x_row, first), whole); },
          [&] {
            Value* width = emit.add(emit.sub(columns, column), reach + geometry.overhang + lanes - 1);
            width = b.CreateAnd(emit.min(width, emit.i64(whole)), emit.i64(-std::int64_t{lanes}));
            copy_row_masked(emit, to, x_row, first, width, input_length);
          });
      return {strip_columns, {emit.at(to, geometry.strip_elements)}};
    });
  });
  emit.end_function();
  return function;
}

}  // namespace unstride::cpu
