#include "codegen/cpu/work_items.h"

#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>

#include <array>
#include <cstddef>

#include "codegen/cpu/kernel_abi.h"

namespace unstride::cpu {

using llvm::Value;

Value* KernelFrame::argument(std::size_t offset, llvm::Type* type) {
  auto& b = emit_.builder;
  return b.CreateLoad(type, b.CreateConstGEP1_64(b.getInt8Ty(), arguments_, offset));
}
Value* KernelFrame::number(std::size_t offset) {
  return argument(offset, emit_.i64_type());
}
Value* KernelFrame::pointer(std::size_t offset) {
  return argument(offset, emit_.pointer_type());
}

void KernelFrame::emit(const std::string& symbol, const std::function<void(const WorkItem&)>& body) {
  const std::array types = {emit_.pointer_type(), emit_.i64_type(), emit_.i64_type(), emit_.pointer_type()};
  llvm::Function* function = emit_.begin_function(symbol, types, /*exported=*/true);
  arguments_ = function->getArg(0);
  scratch = function->getArg(3);
  x_pitch = number(offsetof(KernelArguments, x_pitch));
  y_pitch = number(offsetof(KernelArguments, y_pitch));
  input_length = number(offsetof(KernelArguments, input_length));
  output_length = number(offsetof(KernelArguments, output_length));
  strip_columns = number(offsetof(KernelArguments, strip_columns));
  border_counts = number(offsetof(KernelArguments, border_counts));

  // index = ((batch * groups + group) * column_blocks + column_block) * row_chunks + row_chunk: divided once, counted
  // on from item to item, because an item of a depthwise layer is short.
  auto& b = emit_.builder;
  const Values counts = {number(offsetof(KernelArguments, row_chunks)),
                         number(offsetof(KernelArguments, column_blocks)), emit_.i64(emit_.problem.spec.groups)};
  Values position;
  Value* rest = function->getArg(1);
  for (Value* count : counts) {
    Value* quotient = b.CreateUDiv(rest, count);
    position.push_back(emit_.sub(rest, emit_.mul(quotient, count)));
    rest = quotient;
  }
  position.push_back(rest);
  Value* joinable = join_groups ? b.CreateICmpEQ(emit_.mul(counts[0], counts[1]), emit_.i64(1)) : b.getFalse();
  Value* last = function->getArg(2);
  before_items();
  emit_.loop(function->getArg(1), last, position, [&](Value* index, const Values& now) -> Emitter::Step {
    Value* groups = emit_.min(emit_.sub(counts[2], now[2]), emit_.sub(last, index));
    groups = b.CreateSelect(joinable, groups, emit_.i64(1));
    body(item_at(now, groups));
    Values next;
    Value* carry = emit_.i64(1);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      Value* counted = emit_.add(now[i], counts[i] == counts[2] ? emit_.mul(carry, groups) : carry);
      Value* full = b.CreateICmpEQ(counted, counts[i]);
      next.push_back(b.CreateSelect(full, emit_.i64(0), counted));
      carry = b.CreateSelect(full, emit_.i64(1), emit_.i64(0));
    }
    next.push_back(emit_.add(now.back(), carry));
    return {groups, next};
  });
  after_items();
  emit_.end_function();
}

WorkItem KernelFrame::item_at(const Values& position, Value* groups) {
  Value *chunk = position[0], *block = position[1], *group = position[2], *batch = position[3];
  const plan::CpuProblem& problem = emit_.problem;
  const auto row_at = [&](std::size_t data, std::size_t batch_pitch, Value* pitch, std::int64_t channels) {
    Value* element = emit_.mul(batch, number(batch_pitch));
    return emit_.at_stored(pointer(data), emit_.add(element, emit_.mul(emit_.mul(group, channels), pitch)));
  };
  WorkItem item{};
  item.groups = groups;
  item.x =
      row_at(offsetof(KernelArguments, x), offsetof(KernelArguments, x_batch_pitch), x_pitch, problem.in_channels());
  item.y =
      row_at(offsetof(KernelArguments, y), offsetof(KernelArguments, y_batch_pitch), y_pitch, problem.out_channels());
  item.weights =
      emit_.at(pointer(offsetof(KernelArguments, weights)), emit_.mul(group, geometry_.weights.group_weights()));
  item.biases =
      emit_.at(pointer(offsetof(KernelArguments, biases)), emit_.mul(group, geometry_.weights.group_biases()));

  Value* block_columns = number(offsetof(KernelArguments, block_columns));
  Value* before = emit_.mul(block, block_columns);
  item.column = emit_.add(before, plan::grid_offset(problem.spec) / problem.spec.stride);
  item.columns = emit_.min(block_columns, emit_.sub(number(offsetof(KernelArguments, columns)), before));
  Value* chunk_work = number(offsetof(KernelArguments, chunk_work));
  Value* work = emit_.mul(chunk, chunk_work);
  item.first_tile = tiles_before(work);
  item.last_tile = tiles_before(emit_.add(work, chunk_work));
  return item;
}

// Row tiles that start with less work before them.
Value* KernelFrame::tiles_before(Value* work) {
  Value* tiles = emit_.i64(0);
  std::int64_t before = 0;
  for (const plan::RowRun& run : geometry_.weights.runs) {
    Value* of_run = emit_.max(emit_.i64(0), emit_.sub(work, emit_.i64(before)));
    of_run = emit_.builder.CreateUDiv(emit_.add(of_run, run.work() - 1), emit_.i64(run.work()));
    tiles = emit_.add(tiles, emit_.min(of_run, emit_.i64(run.tiles())));
    before += run.tiles() * run.work();
  }
  return tiles;
}

}  // namespace unstride::cpu
