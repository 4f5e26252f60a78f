// Between the elements of x and y and those of the arithmetic. Widening is exact. Rounding is to the nearest, ties to
// even, and the same bits on every target: float16 by the instructions that every level has (F16C), bfloat16, which few
// machines round, in integers.
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/cpu/emitter.h"

namespace unstride::cpu {

using llvm::Value;

namespace {

llvm::Align alignment(std::int64_t bytes) {
  return llvm::Align(static_cast<std::uint64_t>(bytes));
}

llvm::VectorType* vector_of(llvm::Type* element, std::int64_t count) {
  return llvm::FixedVectorType::get(element, static_cast<unsigned>(count));
}

// The upper halves of floats.
Value* widen_bfloat16(llvm::IRBuilderBase& b, Value* halves, llvm::Type* floats) {
  auto* integers = llvm::VectorType::getInteger(llvm::cast<llvm::VectorType>(floats));
  return b.CreateBitCast(b.CreateShl(b.CreateZExt(halves, integers), 16), floats);
}

}  // namespace

Value* Emitter::at_stored(Value* pointer, Value* offset) {
  return builder.CreateGEP(storage, pointer, offset);
}

Value* Emitter::load_input(Value* pointer) {
  return widened(
      builder.CreateAlignedLoad(vector_of(storage, problem.lanes), pointer, alignment(problem.storage_bytes())));
}

Value* Emitter::masked_load_input(Value* pointer, Value* mask) {
  auto* type = vector_of(storage, problem.lanes);
  return widened(builder.CreateMaskedLoad(type, pointer, alignment(problem.storage_bytes()), mask,
                                          llvm::Constant::getNullValue(type)));
}

Value* Emitter::widened(Value* value) {
  if (!problem.converts()) return value;
  if (problem.spec.dtype == DType::bfloat16) return widen_bfloat16(builder, value, vector);
  return builder.CreateFPExt(value, vector);
}

// What BFloat16(float) does (include/unstride/element.hpp), lane by lane, in the upper halves of integers.
Value* Emitter::nearest_bfloat16(Value* value) {
  auto* integers = llvm::VectorType::getInteger(llvm::cast<llvm::VectorType>(value->getType()));
  const auto constant = [&](std::uint64_t number) { return llvm::ConstantInt::get(integers, number); };
  Value* pattern = builder.CreateBitCast(value, integers);
  Value* odd = builder.CreateAnd(builder.CreateLShr(pattern, 16), constant(1));
  Value* nearest = builder.CreateAdd(builder.CreateAdd(pattern, constant(0x7fff)), odd);
  Value* quiet = builder.CreateOr(pattern, constant(0x400000));
  Value* chosen = builder.CreateSelect(builder.CreateFCmpUNO(value, value), quiet, nearest);
  return builder.CreateAnd(chosen, constant(0xffff0000));
}

Value* Emitter::bfloat16_pair(Value* even, Value* odd) {
  auto* integers = llvm::VectorType::getInteger(llvm::cast<llvm::VectorType>(vector));
  const bool exact = problem.spec.dtype == DType::bfloat16 && problem.spec.prologue.op != Activation::Op::leaky_relu;
  if (exact)
    return builder.CreateOr(builder.CreateLShr(builder.CreateBitCast(even, integers), 16),
                            builder.CreateBitCast(odd, integers));
  Value* halves = builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_cvtne2ps2bf16_512, {}, {odd, even});
  std::vector<int> side_by_side;
  for (int lane = 0; lane < problem.lanes; ++lane) {
    side_by_side.push_back(lane);
    side_by_side.push_back(lane + problem.lanes);
  }
  return builder.CreateBitCast(shuffle(halves, halves, side_by_side), integers);
}

Value* Emitter::rounded(Value* value) {
  if (!problem.converts()) return value;
  auto* type = vector_of(storage, problem.lanes);
  if (problem.spec.dtype == DType::bfloat16)
    return builder.CreateTrunc(builder.CreateLShr(nearest_bfloat16(value), 16), type);
  return builder.CreateFPTrunc(value, type);
}

Value* Emitter::rounded_by_unit(Value* value) {
  if (problem.spec.dtype != DType::bfloat16) return rounded(value);
  Value* halves = builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_cvtneps2bf16_512, {}, {value});
  return builder.CreateBitCast(halves, vector_of(storage, problem.lanes));
}

Value* Emitter::rounded_by_unit(Value* first, Value* second) {
  Value* both = builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_cvtne2ps2bf16_512, {}, {second, first});
  return builder.CreateBitCast(both, vector_of(storage, std::int64_t{2} * problem.lanes));
}

void Emitter::store_rounded(Value* value, Value* pointer, bool aligned) {
  builder.CreateAlignedStore(value, pointer, alignment((aligned ? problem.lanes : 1) * problem.storage_bytes()));
}

void Emitter::masked_store_rounded(Value* value, Value* pointer, Value* mask) {
  builder.CreateMaskedStore(value, pointer, alignment(problem.storage_bytes()), mask);
}

void Emitter::masked_copy_stored(Value* from, Value* to, Value* mask) {
  auto* type = vector_of(storage, problem.lanes);
  masked_store_rounded(builder.CreateAlignedLoad(type, from, alignment(problem.storage_bytes())), to, mask);
}

void Emitter::copy_stored(Value* from, Value* to, std::int64_t count) {
  for (std::int64_t done = 0; done < count; done += problem.lanes) {
    auto* type = vector_of(storage, std::min<std::int64_t>(problem.lanes, count - done));
    Value* piece = builder.CreateAlignedLoad(type, at_stored(from, done), alignment(problem.storage_bytes()));
    builder.CreateAlignedStore(piece, at_stored(to, done), alignment(problem.storage_bytes()));
  }
}

}  // namespace unstride::cpu
