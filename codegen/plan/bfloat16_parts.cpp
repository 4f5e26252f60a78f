#include "codegen/plan/bfloat16_parts.h"

#include <algorithm>
#include <array>

namespace unstride::plan {

namespace {

using Product = Bfloat16Parts::Product;

constexpr std::array product_of_bfloat16 = {Product{0, 0}};
constexpr std::array products_of_float16 = {Product{0, 1}, Product{0, 0}, Product{1, 0}};
constexpr std::array with_three_weights = {Product{0, 2}, Product{0, 1}, Product{0, 0}, Product{1, 0}, Product{1, 1}};
constexpr std::array with_three_inputs = {Product{2, 0}, Product{1, 0}, Product{0, 0}, Product{0, 1}, Product{1, 1}};

constexpr std::array of_bfloat16 = {Bfloat16Parts{1, 1, product_of_bfloat16}};
constexpr std::array of_float16 = {Bfloat16Parts{2, 2, products_of_float16}};
constexpr std::array of_float32 = {Bfloat16Parts{2, 3, with_three_weights}, Bfloat16Parts{3, 2, with_three_inputs}};

}  // namespace

std::span<const Bfloat16Parts> bfloat16_parts(DType dtype) {
  switch (dtype) {
    case DType::bfloat16:
      return of_bfloat16;
    case DType::float16:
      return of_float16;
    case DType::float32:
      return of_float32;
    case DType::float64:
      break;
  }
  return {};
}

const Bfloat16Parts* bfloat16_parts(DType dtype, int inputs) {
  const auto ways = bfloat16_parts(dtype);
  const auto way = std::ranges::find(ways, inputs, &Bfloat16Parts::inputs);
  return way == ways.end() ? nullptr : &*way;
}

}  // namespace unstride::plan
