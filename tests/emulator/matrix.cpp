// Products of tensor cores, from the fragments of a warp's lanes as the PTX manual draws them.
//
// Products of two operands are exact in float. They are summed in float in order of depth, which no tensor core does
// exactly so: results are as good as a GPU's, not the same to the last bit.
#include <bit>
#include <cstdint>
#include <cstring>

#include "tests/emulator/block.h"
#include "tests/emulator/device.h"
#include "tests/emulator/matrix_descriptor.h"
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

// One warp's 16 rows of a warpgroup's product. Words of a are as for multiply, b lies in shared memory.
template <typename Operand>
void multiply_group(const GroupProduct* lanes, const unsigned char* shared) {
  constexpr int depth = Operand::depth, packed = Operand::packed;
  const MatrixDescriptor descriptor(lanes[0].b);
  float a[rows][depth];
  for (int lane = 0; lane < 32; ++lane)
    for (int word = 0; word < 4; ++word)
      for (int i = 0; i < packed; ++i)
        a[lane / 4 + word % 2 * 8][word / 2 * depth / 2 + packed * (lane % 4) + i] =
            Operand::value(lanes[lane].a[word], i);
  for (int column = 0; column < lanes[0].columns; ++column) {
    float b[depth];
    for (int half = 0; half < 2; ++half) {
      unsigned words[4];
      std::memcpy(words, shared + descriptor.at(static_cast<std::size_t>(column), static_cast<std::size_t>(half)), 16);
      for (int k = 0; k < depth / 2; ++k) b[half * depth / 2 + k] = Operand::value(words[k / packed], k % packed);
    }
    for (int row = 0; row < rows; ++row) {
      float& sum = lanes[row % 8 * 4 + column % 8 / 2].d[column / 8][row / 8 * 2 + column % 2];
      for (int k = 0; k < depth; ++k) sum += a[row][k] * b[k];
    }
  }
}

}  // namespace

void multiply_group_tf32(const GroupProduct* lanes, const unsigned char* shared) {
  multiply_group<Tf32>(lanes, shared);
}
void multiply_group_float16(const GroupProduct* lanes, const unsigned char* shared) {
  multiply_group<Fp16>(lanes, shared);
}
void multiply_group_bfloat16(const GroupProduct* lanes, const unsigned char* shared) {
  multiply_group<Bf16>(lanes, shared);
}

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
