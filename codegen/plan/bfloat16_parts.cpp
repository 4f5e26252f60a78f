#include "codegen/plan/bfloat16_parts.h"

#include <array>

namespace unstride::plan {

namespace {

using Product = Bfloat16Parts::Product;

constexpr std::array of_bfloat16 = {Product{0, 0}};
constexpr std::array of_float16 = {Product{0, 1}, Product{0, 0}, Product{1, 0}};
constexpr std::array of_float32 = {Product{0, 2}, Product{0, 1}, Product{0, 0}, Product{1, 0}, Product{1, 1}};

}  // namespace

Bfloat16Parts bfloat16_parts(DType dtype) {
  switch (dtype) {
    case DType::bfloat16:
      return {1, 1, of_bfloat16};
    case DType::float16:
      return {2, 2, of_float16};
    case DType::float32:
    case DType::float64:  // which the matrix unit is not for
      break;
  }
  return {2, 3, of_float32};
}

}  // namespace unstride::plan
