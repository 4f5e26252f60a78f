// How the matrix unit, which multiplies bfloat16 numbers and sums in float32, stands in for wider types under fast
// math: an operand is a sum of bfloat16 parts, each the nearest to what the ones before leave, and of the products of
// parts the small ones are left out.
//
// Each part has 8 significant bits, so p parts leave at most 2^-(9p - 1) of a number, and part k is at most 2^-(9k - 1)
// of it (k >= 1, counted from 0). What that leaves out, relative to |x||w|:
//
//   bfloat16   one part each: nothing
//   float16    two parts each, which is every bit; part 1 times part 1 is left out: 2^-16
//   float32    two parts of x, three of w; part 1 of x times part 2 of w is left out: 2^-17 + 2^-25 + 2^-26
//              or three of x and two of w, which is as much: less to read of weights, more to pack of the input
//
// An input that a leaky_relu prologue made a float32 of is rounded to its parts: another 2^-8 (bfloat16) or 2^-17.
#pragma once

#include <span>

#include "unstride/spec.hpp"

namespace unstride::plan {

struct Bfloat16Parts {
  struct Product {
    int input, weight;  ///< the parts that are multiplied
  };
  int inputs, weights;  ///< parts of each
  /// Small products first, each with one factor of the one before: what stays in a register is not loaded again.
  std::span<const Product> products;
};

/// The ways that there are: each has another number of input parts, all as many products. None for float64.
std::span<const Bfloat16Parts> bfloat16_parts(DType dtype);
/// The one with so many parts of an input. Null where there is none.
const Bfloat16Parts* bfloat16_parts(DType dtype, int inputs);

}  // namespace unstride::plan
