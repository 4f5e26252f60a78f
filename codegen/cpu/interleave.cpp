#include "codegen/cpu/interleave.h"

#include <llvm/IR/DerivedTypes.h>
#include <llvm/IR/Value.h>

namespace unstride::cpu {

using llvm::Value;

Values interleave(Emitter& emit, const Values& vectors) {
  const int n = static_cast<int>(vectors.size());
  const int lanes = emit.problem.lanes;
  if (n == 1) return vectors;
  Values result;
  if (n % 2 == 0) {  // zip the interleaved even ones with the interleaved odd ones
    Values even, odd;
    for (std::size_t i = 0; i < vectors.size(); ++i) (i % 2 == 0 ? even : odd).push_back(vectors[i]);
    even = interleave(emit, even);
    odd = interleave(emit, odd);
    for (std::size_t i = 0; i < even.size(); ++i)
      for (int half = 0; half < 2; ++half) {
        std::vector<int> mask;
        for (int e = 0; e < lanes; ++e) mask.push_back((e % 2) * lanes + half * (lanes / 2) + e / 2);
        result.push_back(emit.shuffle(even[i], odd[i], mask));
      }
    return result;
  }
  for (int k = 0; k < n; ++k) {  // result vector k gathers from one source after the other
    Value* gathered = vectors[0];
    for (int source = 1; source < n; ++source) {
      std::vector<int> mask;
      for (int e = 0; e < lanes; ++e) {
        const int from = (k * lanes + e) % n, lane = (k * lanes + e) / n;
        if (from == source)
          mask.push_back(lanes + lane);
        else if (source == 1 && from == 0)
          mask.push_back(lane);
        else
          mask.push_back(e);  // keep what is there
      }
      gathered = emit.shuffle(gathered, vectors[static_cast<std::size_t>(source)], mask);
    }
    result.push_back(gathered);
  }
  return result;
}

// By zipping the first half of the vectors with the second, as often as there are bits of a piece's number: each
// rotates the bits of (vector, piece) by one.
Values transposed(Emitter& emit, Values vectors, int piece, int group) {
  if (vectors.size() == 1) return vectors;
  const std::size_t half_of_them = vectors.size() / 2;
  const int lanes = static_cast<int>(llvm::cast<llvm::FixedVectorType>(vectors[0]->getType())->getNumElements());
  if (group == 0) group = lanes;
  const int pieces = group / piece;
  for (int round = 1; round < pieces; round *= 2) {
    Values zipped;
    for (std::size_t i = 0; i < half_of_them; ++i)
      for (int half = 0; half < 2; ++half) {
        std::vector<int> mask;
        for (int e = 0; e < lanes; ++e) {
          const int to = e % group / piece, first = e - e % group;
          mask.push_back((to % 2) * lanes + first + (half * pieces / 2 + to / 2) * piece + e % piece);
        }
        zipped.push_back(emit.shuffle(vectors[i], vectors[i + half_of_them], mask));
      }
    vectors = zipped;
  }
  return vectors;
}

}  // namespace unstride::cpu
