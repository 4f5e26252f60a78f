// Products of tensor cores, from the fragments of a warp's lanes as the PTX manual draws them.
//
// Products of two operands are exact in float. They are summed in float in order of depth, which no tensor core does
// exactly so: results are as good as a GPU's, not the same to the last bit.
#include <bit>
#include <cstdint>

#include "tests/emulator/block.h"
#include "tests/emulator/device.h"
#include "unstride/element.hpp"

namespace unstride::emulator {

namespace {

constexpr int rows = 16, columns = 8;

// Tensor cores do not look at the bits that TF32 lacks.
struct Tf32 {
  static constexpr int depth = 8, packed = 1;
  static float value(unsigned word, int) { return std::bit_cast<float>(word & ~0x1fffu); }
};
struct Halves {
  static constexpr int depth = 16, packed = 2;
  static std::uint16_t half(unsigned word, int index) { return static_cast<std::uint16_t>(word >> (16 * index)); }
};
struct Bf16 : Halves {
  static float value(unsigned word, int index) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(half(word, index)) << 16);
  }
};
struct Fp16 : Halves {
  static float value(unsigned word, int index) { return float_of_float16(half(word, index)); }
};

template <typename Operand>
void multiply(void* const* products) {
  constexpr int depth = Operand::depth, packed = Operand::packed;
  float a[rows][depth], b[depth][columns];
  for (int lane = 0; lane < 32; ++lane) {
    const auto& product = *static_cast<const Product*>(products[lane]);
    const int g = lane / 4, c = lane % 4;
    for (int upper = 0; upper < 2; ++upper)
      for (int i = 0; i < packed; ++i) {
        const int k = upper * depth / 2 + packed * c + i;
        a[g][k] = Operand::value(product.a[2 * upper], i);
        a[g + 8][k] = Operand::value(product.a[2 * upper + 1], i);
        b[k][g] = Operand::value(product.b[upper], i);
      }
  }
  for (int lane = 0; lane < 32; ++lane) {
    const auto& product = *static_cast<const Product*>(products[lane]);
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = 2 * (lane % 4) + i % 2;
      float sum = product.d[i];
      for (int k = 0; k < depth; ++k) sum += a[row][k] * b[k][column];
      product.d[i] = sum;
    }
  }
}

}  // namespace

void multiply_tf32(void* const* products) {
  multiply<Tf32>(products);
}
void multiply_float16(void* const* products) {
  multiply<Fp16>(products);
}
void multiply_bfloat16(void* const* products) {
  multiply<Bf16>(products);
}

}  // namespace unstride::emulator
