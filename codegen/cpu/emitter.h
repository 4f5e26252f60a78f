// A thin layer over llvm::IRBuilder: loops with carried values, vectors of the kernel's element type, addresses.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "codegen/plan/cpu_strategy.h"

namespace llvm {
class Function;
class FunctionType;
class IRBuilderBase;
class Module;
class Type;
class Value;
}  // namespace llvm

namespace unstride::cpu {

using Values = std::vector<llvm::Value*>;

class Emitter {
 public:
  Emitter(llvm::IRBuilderBase& builder, llvm::Module& module, const plan::CpuProblem& problem);

  llvm::IRBuilderBase& builder;
  llvm::Module& module;
  const plan::CpuProblem& problem;
  llvm::Type* const element;  ///< of the arithmetic: float or double
  llvm::Type* const storage;  ///< of x and y: element, or a 16-bit type
  llvm::Type* const vector;   ///< problem.lanes elements

  // --- functions ---
  /// Starts an internal function that returns nothing; the builder is put into it.
  llvm::Function* begin_function(const std::string& name, std::span<llvm::Type* const> parameters,
                                 bool exported = false);
  void end_function();
  llvm::Type* pointer_type() const;
  llvm::Type* i64_type() const;
  llvm::Type* i1_type() const;

  // --- scalars ---
  llvm::Value* i64(std::int64_t value) const;
  llvm::Value* add(llvm::Value* a, llvm::Value* b);
  llvm::Value* sub(llvm::Value* a, llvm::Value* b);
  llvm::Value* mul(llvm::Value* a, llvm::Value* b);
  llvm::Value* add(llvm::Value* a, std::int64_t b) { return add(a, i64(b)); }
  llvm::Value* mul(llvm::Value* a, std::int64_t b) { return mul(a, i64(b)); }
  llvm::Value* min(llvm::Value* a, llvm::Value* b);
  llvm::Value* max(llvm::Value* a, llvm::Value* b);
  /// i1: whether [first, first + count) lies within [0, length).
  llvm::Value* inside(llvm::Value* first, llvm::Value* count, llvm::Value* length);

  // --- memory: offsets in elements ---
  llvm::Value* at(llvm::Value* pointer, llvm::Value* offset);
  llvm::Value* at(llvm::Value* pointer, std::int64_t offset) { return at(pointer, i64(offset)); }
  /// The same address, of which the compiler knows nothing, so that loads from it are not merged with others; and a
  /// line that no load is moved across. Keeps values in registers only as long as they are wanted.
  llvm::Value* opaque(llvm::Value* pointer);
  llvm::Value* bytes_at(llvm::Value* pointer, llvm::Value* bytes);
  /// Asks for a cache line that will be read soon. Any address will do, none is an error.
  void prefetch(llvm::Value* pointer);
  /// aligned: the address is a multiple of the vector's size.
  llvm::Value* load_vector(llvm::Value* pointer, bool aligned);
  void store_vector(llvm::Value* value, llvm::Value* pointer, bool aligned);
  llvm::Value* load_element(llvm::Value* pointer);
  void store_element(llvm::Value* value, llvm::Value* pointer);
  llvm::Value* load_splat(llvm::Value* pointer);

  // --- x and y, and what is on its way to y: offsets and vectors of `storage` (storage.cpp) ---
  llvm::Value* at_stored(llvm::Value* pointer, llvm::Value* offset);
  llvm::Value* at_stored(llvm::Value* pointer, std::int64_t offset) { return at_stored(pointer, i64(offset)); }
  /// Elements of the arithmetic, exactly those that lie there.
  llvm::Value* load_input(llvm::Value* pointer);
  llvm::Value* masked_load_input(llvm::Value* pointer, llvm::Value* mask);
  /// A vector of the arithmetic, rounded to `storage`: to the nearest, ties to even.
  llvm::Value* rounded(llvm::Value* value);
  /// The same of what a bfloat16 unit summed, for which numbers below 2^-126 are zeros, as they are for the unit
  /// itself.
  llvm::Value* rounded_by_unit(llvm::Value* value);
  /// Two such vectors in one, of bfloat16 alone.
  llvm::Value* rounded_by_unit(llvm::Value* first, llvm::Value* second);
  /// The nearest bfloat16 of inputs behind their prologue, side by side in 32-bit lanes: `even` in the lower halves.
  /// For a bfloat16 unit, so that numbers below 2^-126, which are zeros to it, may become zeros.
  llvm::Value* bfloat16_pair(llvm::Value* even, llvm::Value* odd);
  /// `count` elements of y, as they are: from the stage to y.
  void copy_stored(llvm::Value* from, llvm::Value* to, std::int64_t count);
  /// The lanes of a mask; `from` is read to the end of the vector.
  void masked_copy_stored(llvm::Value* from, llvm::Value* to, llvm::Value* mask);
  /// Vectors that rounded() gave. aligned: the address is a multiple of the vector's size.
  void store_rounded(llvm::Value* value, llvm::Value* pointer, bool aligned);
  void masked_store_rounded(llvm::Value* value, llvm::Value* pointer, llvm::Value* mask);

  // --- vectors ---
  llvm::Value* fma(llvm::Value* a, llvm::Value* b, llvm::Value* c);
  /// c + the sum of both products, a and b being lanes of bfloat16_pair.
  llvm::Value* bfloat16_dot(llvm::Value* a, llvm::Value* b, llvm::Value* c);
  llvm::Value* splat(llvm::Value* element_value);
  /// i1: whether a lane of these vectors holds -0.
  llvm::Value* any_is_minus_zero(const Values& vectors);
  llvm::Value* shuffle(llvm::Value* a, llvm::Value* b, std::span<const int> lanes);
  /// Lanes l with low <= first + l < high.
  llvm::Value* lanes_within(llvm::Value* first, llvm::Value* low, llvm::Value* high);
  /// The first `count` lanes l with 0 <= first + l < end, for any 64-bit numbers.
  llvm::Value* lanes_inside(llvm::Value* first, llvm::Value* end, std::int64_t count);
  /// The other lanes are those of `otherwise`, or zeros.
  llvm::Value* masked_load(llvm::Value* pointer, llvm::Value* mask, llvm::Value* otherwise = nullptr);
  void masked_store(llvm::Value* value, llvm::Value* pointer, llvm::Value* mask);
  /// f(value) for a vector or an element.
  llvm::Value* activate(const Activation& activation, llvm::Value* value);

  // --- control ---
  using Body = std::function<void(llvm::Value* index)>;
  /// for (index = begin; index < end; index += step), signed.
  void loop(llvm::Value* begin, llvm::Value* end, std::int64_t step, const Body& body);
  /// The same with values carried from round to round; returns those after the last.
  Values loop(llvm::Value* begin, llvm::Value* end, std::int64_t step, const Values& initial,
              const std::function<Values(llvm::Value* index, const Values& carried)>& body);
  /// The same with steps that each round chooses.
  struct Step {
    llvm::Value* width;
    Values carried;
  };
  Values loop(llvm::Value* begin, llvm::Value* end, const Values& initial,
              const std::function<Step(llvm::Value* index, const Values& carried)>& body);
  void branch(llvm::Value* condition, const std::function<void()>& then, const std::function<void()>& otherwise = {});
  /// The values of whichever side is taken. likely: `then` matters, as far as registers are short.
  Values select(llvm::Value* condition, const std::function<Values()>& then, const std::function<Values()>& otherwise,
                bool likely = false);

 private:
  llvm::Value* widened(llvm::Value* value);
  llvm::Value* nearest_bfloat16(llvm::Value* value);
};

}  // namespace unstride::cpu
