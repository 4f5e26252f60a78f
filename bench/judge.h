// Whether two contenders computed the same thing.
//
// The worst case of n roundings, n*u * (sum |x||w| + |b|), would let pass a result that misses a tap of a long chain.
// The data are random, and so rounding errors cancel: they stay within a few sqrt(n)*u (Higham and Mary, A new approach
// to probabilistic rounding error analysis, SIAM J. Sci. Comput. 2019). Two results may differ by twice 4*sqrt(n)*u.
#pragma once

#include <span>
#include <vector>

#include "bench/case.h"

namespace unstride::bench {

class Judge {
 public:
  /// Computes the case with unstride in strict float32, and once more with the absolute values of all data for the
  /// scale.
  Judge(const Engine& engine, const Case& layer);

  /// The largest difference of y, elements of the layer's type, from that result, relative to sum |x||w| + |b|. Not a
  /// number counts as infinite.
  double error(std::span<const std::byte> y) const;
  double tolerance() const { return tolerance_; }

 private:
  DType dtype_;
  std::vector<float> y_, scale_;
  double tolerance_ = 0;
};

}  // namespace unstride::bench
