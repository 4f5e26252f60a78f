#include "codegen/cpu/panel.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>

namespace unstride::cpu {

using llvm::Value;

llvm::Function* emit_pack_panel(Emitter& emit, const plan::CpuGeometry& geometry) {
  const std::array types = {emit.pointer_type(), emit.pointer_type(), emit.i64_type(),
                            emit.i64_type(),     emit.i64_type(),     emit.i64_type()};
  llvm::Function* function = emit.begin_function("pack_panel", types);
  Value *panel = function->getArg(0), *x = function->getArg(1), *x_pitch = function->getArg(2);
  Value *first = function->getArg(3), *width = function->getArg(4), *input_length = function->getArg(5);

  const Activation& prologue = emit.problem.spec.prologue;
  const int lanes = emit.problem.lanes;
  // Rows are padded to whole vectors (CpuGeometry), so that whole ones are written, and more inputs than asked for do
  // no harm: only the ends of the input need a mask.
  width = emit.builder.CreateAnd(emit.add(width, lanes - 1), emit.i64(-std::int64_t{lanes}));
  Value* low = emit.min(emit.max(emit.i64(0), emit.sub(emit.i64(0), first)), width);
  Value* high = emit.max(low, emit.min(width, emit.sub(input_length, first)));
  emit.loop(emit.i64(0), emit.i64(geometry.weights.in_channels), 1, [&](Value* channel) {
    Value* to = emit.at(panel, emit.mul(channel, geometry.panel_pitch));
    Value* from = emit.at_stored(x, emit.add(emit.mul(channel, x_pitch), first));
    // Whole vectors inside the input between `low` and `high`, masked ones around them.
    const auto masked = [&](Value* begin, Value* end) {
      emit.loop(begin, end, lanes, [&](Value* e) {
        Value* mask = emit.lanes_within(e, low, high);
        Value* value = emit.activate(prologue, emit.masked_load_input(emit.at_stored(from, e), mask));
        value = emit.builder.CreateSelect(mask, value, llvm::Constant::getNullValue(emit.vector));
        emit.store_vector(value, emit.at(to, e), true);
      });
    };
    Value* round_mask = emit.i64(-std::int64_t{lanes});
    Value* whole_begin = emit.builder.CreateAnd(emit.add(low, lanes - 1), round_mask);
    Value* whole_end = emit.max(whole_begin, emit.builder.CreateAnd(high, round_mask));
    masked(emit.i64(0), whole_begin);
    emit.loop(whole_begin, whole_end, lanes, [&](Value* e) {
      emit.store_vector(emit.activate(prologue, emit.load_input(emit.at_stored(from, e))), emit.at(to, e), true);
    });
    masked(whole_end, width);
  });
  emit.end_function();
  return function;
}

void call_pack_panel(Emitter& emit, llvm::Function* pack, Value* panel, Value* x, Value* x_pitch, Value* first,
                     Value* width, Value* input_length) {
  emit.builder.CreateCall(pack, {panel, x, x_pitch, first, width, input_length});
}

}  // namespace unstride::cpu
