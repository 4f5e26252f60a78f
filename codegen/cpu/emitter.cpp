#include "codegen/cpu/emitter.h"

#include <llvm/IR/Function.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/IR/Module.h>

#include <numeric>

namespace unstride::cpu {

using llvm::Value;

namespace {

llvm::Type* element_type(llvm::IRBuilderBase& builder, DType dtype) {
  switch (dtype) {
    case DType::float64:
      return builder.getDoubleTy();
    case DType::float16:
      return builder.getHalfTy();
    case DType::bfloat16:  // as integers: LLVM calls a library to convert bfloats
      return builder.getInt16Ty();
    case DType::float32:
      break;
  }
  return builder.getFloatTy();
}

llvm::BasicBlock* new_block(llvm::IRBuilderBase& builder, const char* name) {
  return llvm::BasicBlock::Create(builder.getContext(), name, builder.GetInsertBlock()->getParent());
}

}  // namespace

Emitter::Emitter(llvm::IRBuilderBase& b, llvm::Module& m, const plan::CpuProblem& p)
    : builder(b),
      module(m),
      problem(p),
      element(element_type(b, accumulator_of(p.spec.dtype))),
      storage(element_type(b, p.spec.dtype)),
      vector(llvm::FixedVectorType::get(element, static_cast<unsigned>(p.lanes))) {}

llvm::Function* Emitter::begin_function(const std::string& name, std::span<llvm::Type* const> parameters,
                                        bool exported) {
  auto* type = llvm::FunctionType::get(builder.getVoidTy(), {parameters.data(), parameters.size()}, false);
  auto* function = llvm::Function::Create(
      type, exported ? llvm::Function::ExternalLinkage : llvm::Function::InternalLinkage, name, module);
  function->setDoesNotThrow();
  // Without these LLVM splits 512-bit vectors on CPUs for which it prefers narrower ones.
  const std::string bits = std::to_string(problem.target.vector_bytes * 8);
  function->addFnAttr("prefer-vector-width", bits);
  function->addFnAttr("min-legal-vector-width", bits);
  function->addFnAttr("target-cpu", problem.target.base_cpu);
  if (!problem.target.features.empty()) function->addFnAttr("target-features", problem.target.features);
  builder.SetInsertPoint(llvm::BasicBlock::Create(builder.getContext(), "entry", function));
  return function;
}

void Emitter::end_function() {
  builder.CreateRetVoid();
}
llvm::Type* Emitter::pointer_type() const {
  return builder.getPtrTy();
}
llvm::Type* Emitter::i64_type() const {
  return builder.getInt64Ty();
}
llvm::Type* Emitter::i1_type() const {
  return builder.getInt1Ty();
}

Value* Emitter::i64(std::int64_t value) const {
  return builder.getInt64(static_cast<std::uint64_t>(value));
}
Value* Emitter::add(Value* a, Value* b) {
  return builder.CreateNSWAdd(a, b);
}
Value* Emitter::sub(Value* a, Value* b) {
  return builder.CreateNSWSub(a, b);
}
Value* Emitter::mul(Value* a, Value* b) {
  return builder.CreateNSWMul(a, b);
}
Value* Emitter::min(Value* a, Value* b) {
  return builder.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b);
}
Value* Emitter::max(Value* a, Value* b) {
  return builder.CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, b);
}
Value* Emitter::inside(Value* first, Value* count, Value* length) {
  return builder.CreateAnd(builder.CreateICmpSGE(first, i64(0)), builder.CreateICmpSLE(add(first, count), length));
}

Value* Emitter::at(Value* pointer, Value* offset) {
  return builder.CreateGEP(element, pointer, offset);
}

Value* Emitter::bytes_at(Value* pointer, Value* bytes) {
  return builder.CreateGEP(builder.getInt8Ty(), pointer, bytes);
}

void Emitter::prefetch(Value* pointer) {
  constexpr int read = 0, second_level = 2, data = 1;
  builder.CreateIntrinsic(llvm::Intrinsic::prefetch, {pointer_type()},
                          {pointer, builder.getInt32(read), builder.getInt32(second_level), builder.getInt32(data)});
}

Value* Emitter::opaque(Value* pointer) {
  auto* type = llvm::FunctionType::get(pointer_type(), {pointer_type()}, false);
  return builder.CreateCall(type, llvm::InlineAsm::get(type, "", "=r,0,~{memory}", /*hasSideEffects=*/true), {pointer});
}

Value* Emitter::load_vector(Value* pointer, bool aligned) {
  const auto bytes = static_cast<std::uint64_t>(aligned ? problem.target.vector_bytes : problem.element_bytes());
  return builder.CreateAlignedLoad(vector, pointer, llvm::Align(bytes));
}

void Emitter::store_vector(Value* value, Value* pointer, bool aligned) {
  const auto bytes = static_cast<std::uint64_t>(aligned ? problem.target.vector_bytes : problem.element_bytes());
  builder.CreateAlignedStore(value, pointer, llvm::Align(bytes));
}

Value* Emitter::load_element(Value* pointer) {
  return builder.CreateLoad(element, pointer);
}
void Emitter::store_element(Value* value, Value* pointer) {
  builder.CreateStore(value, pointer);
}
Value* Emitter::load_splat(Value* pointer) {
  return splat(load_element(pointer));
}

Value* Emitter::fma(Value* a, Value* b, Value* c) {
  return builder.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
}

Value* Emitter::bfloat16_dot(Value* a, Value* b, Value* c) {
  auto* pairs = llvm::FixedVectorType::get(builder.getBFloatTy(), static_cast<unsigned>(2 * problem.lanes));
  return builder.CreateIntrinsic(llvm::Intrinsic::x86_avx512bf16_dpbf16ps_512, {},
                                 {c, builder.CreateBitCast(a, pairs), builder.CreateBitCast(b, pairs)});
}

Value* Emitter::splat(Value* value) {
  return builder.CreateVectorSplat(static_cast<unsigned>(problem.lanes), value);
}

Value* Emitter::any_is_minus_zero(const Values& vectors) {
  const auto bits = element->getPrimitiveSizeInBits().getFixedValue();
  auto* lanes =
      llvm::FixedVectorType::get(builder.getIntNTy(static_cast<unsigned>(bits)), static_cast<unsigned>(problem.lanes));
  Value* minus_zero = llvm::ConstantInt::get(lanes, llvm::APInt::getSignMask(static_cast<unsigned>(bits)));
  Value* found = nullptr;
  for (Value* value : vectors) {
    Value* here = builder.CreateICmpEQ(builder.CreateBitCast(value, lanes), minus_zero);
    found = found ? builder.CreateOr(found, here) : here;
  }
  return builder.CreateOrReduce(found);
}

Value* Emitter::shuffle(Value* a, Value* b, std::span<const int> mask) {
  return builder.CreateShuffleVector(a, b, llvm::ArrayRef<int>(mask.data(), mask.size()));
}

Value* Emitter::lanes_within(Value* first, Value* low, Value* high) {
  const auto count = static_cast<unsigned>(problem.lanes);
  // Integers as wide as the elements, so that the mask needs no conversion. Callers keep the numbers below 2^31.
  auto* integer = builder.getIntNTy(static_cast<unsigned>(problem.element_bytes() * 8));
  const auto splat_integer = [&](Value* v) {
    return builder.CreateVectorSplat(count, builder.CreateTrunc(v, integer));
  };
  std::vector<llvm::Constant*> lane_numbers;
  for (unsigned lane = 0; lane < count; ++lane) lane_numbers.push_back(llvm::ConstantInt::get(integer, lane));
  Value* index = builder.CreateAdd(splat_integer(first), llvm::ConstantVector::get(lane_numbers));
  return builder.CreateAnd(builder.CreateICmpSGE(index, splat_integer(low)),
                           builder.CreateICmpSLT(index, splat_integer(high)));
}

Value* Emitter::lanes_inside(Value* first, Value* end, std::int64_t count) {
  Value *none = i64(0), *all = i64(count);
  Value* low = min(max(sub(none, first), none), all);
  Value* high = min(max(sub(end, first), none), all);
  return lanes_within(none, low, high);
}

Value* Emitter::masked_load(Value* pointer, Value* mask, Value* otherwise) {
  return builder.CreateMaskedLoad(vector, pointer, llvm::Align(static_cast<std::uint64_t>(problem.element_bytes())),
                                  mask, otherwise ? otherwise : llvm::Constant::getNullValue(vector));
}

void Emitter::masked_store(Value* value, Value* pointer, Value* mask) {
  builder.CreateMaskedStore(value, pointer, llvm::Align(static_cast<std::uint64_t>(problem.element_bytes())), mask);
}

Value* Emitter::activate(const Activation& activation, Value* value) {
  auto* zero = llvm::Constant::getNullValue(value->getType());
  switch (activation.op) {
    case Activation::Op::none:
      return value;
    case Activation::Op::relu:  // a NaN stays: "greater than zero or unordered"
      return builder.CreateSelect(builder.CreateFCmpUGT(value, zero), value, zero);
    case Activation::Op::leaky_relu: {
      auto* slope = llvm::ConstantFP::get(value->getType(), activation.negative_slope);
      return builder.CreateSelect(builder.CreateFCmpUGT(value, zero), value, builder.CreateFMul(value, slope));
    }
  }
  return value;
}

void Emitter::loop(Value* begin, Value* end, std::int64_t step, const Body& body) {
  loop(begin, end, step, {}, [&](Value* index, const Values&) -> Values {
    body(index);
    return {};
  });
}

Values Emitter::loop(Value* begin, Value* end, std::int64_t step, const Values& initial,
                     const std::function<Values(Value* index, const Values& carried)>& body) {
  return loop(begin, end, initial, [&](Value* index, const Values& carried) -> Step {
    return {i64(step), body(index, carried)};
  });
}

Values Emitter::loop(Value* begin, Value* end, const Values& initial,
                     const std::function<Step(Value* index, const Values& carried)>& body) {
  llvm::BasicBlock* before = builder.GetInsertBlock();
  llvm::BasicBlock* round = new_block(builder, "loop");
  llvm::BasicBlock* after = new_block(builder, "end");
  builder.CreateCondBr(builder.CreateICmpSLT(begin, end), round, after);

  builder.SetInsertPoint(round);
  auto* index = builder.CreatePHI(i64_type(), 2);
  index->addIncoming(begin, before);
  std::vector<llvm::PHINode*> phis;
  Values carried;
  for (Value* value : initial) {
    phis.push_back(builder.CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    carried.push_back(phis.back());
  }
  const auto [step, next] = body(index, carried);
  Value* next_index = add(index, step);
  llvm::BasicBlock* last = builder.GetInsertBlock();
  builder.CreateCondBr(builder.CreateICmpSLT(next_index, end), round, after);
  index->addIncoming(next_index, last);
  for (std::size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(next[i], last);

  builder.SetInsertPoint(after);
  Values results;
  for (std::size_t i = 0; i < initial.size(); ++i) {
    auto* phi = builder.CreatePHI(initial[i]->getType(), 2);
    phi->addIncoming(initial[i], before);
    phi->addIncoming(next[i], last);
    results.push_back(phi);
  }
  return results;
}

void Emitter::branch(Value* condition, const std::function<void()>& then, const std::function<void()>& otherwise) {
  select(
      condition,
      [&]() -> Values {
        then();
        return {};
      },
      [&]() -> Values {
        if (otherwise) otherwise();
        return {};
      });
}

Values Emitter::select(Value* condition, const std::function<Values()>& then, const std::function<Values()>& otherwise,
                       bool likely) {
  llvm::BasicBlock* yes = new_block(builder, "then");
  llvm::BasicBlock* no = new_block(builder, "else");
  llvm::BasicBlock* after = new_block(builder, "end");
  llvm::MDNode* weights = likely ? llvm::MDBuilder(builder.getContext()).createLikelyBranchWeights() : nullptr;
  builder.CreateCondBr(condition, yes, no, weights);
  builder.SetInsertPoint(yes);
  const Values a = then();
  llvm::BasicBlock* a_end = builder.GetInsertBlock();
  builder.CreateBr(after);
  builder.SetInsertPoint(no);
  const Values b = otherwise();
  llvm::BasicBlock* b_end = builder.GetInsertBlock();
  builder.CreateBr(after);
  builder.SetInsertPoint(after);
  Values results;
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto* phi = builder.CreatePHI(a[i]->getType(), 2);
    phi->addIncoming(a[i], a_end);
    phi->addIncoming(b[i], b_end);
    results.push_back(phi);
  }
  return results;
}

}  // namespace unstride::cpu
