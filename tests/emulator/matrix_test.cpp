// Tensor core fragments: a product of matrices laid out over a warp is the product.
#include <cmath>
#include <random>

#include "tests/emulator/emulator_testing.h"

namespace unstride::testing {
namespace {

using namespace gpu;

int lane() {
  return static_cast<int>(threadIdx.x);
}

// Small integers, which every type holds and whose sums are exact.
struct Matrices {
  explicit Matrices(int k) : depth(k), a(16 * k), b(8 * k), d(16 * 8) {
    std::mt19937 random(7);
    for (std::vector<float>* matrix : {&a, &b, &d})
      for (float& value : *matrix) value = static_cast<float>(static_cast<int>(random() % 17) - 8);
  }
  float product(int row, int column) const {
    float sum = d[row * 8 + column];
    for (int k = 0; k < depth; ++k) sum += a[row * depth + k] * b[k * 8 + column];
    return sum;
  }

  int depth;
  std::vector<float> a, b, d;
};

template <typename Word, typename Mma>
void expect_product(int depth, const Word& word, const Mma& mma) {
  const Matrices m(depth);
  run_under_all_schedules({.threads = 32}, [&] {
    const int g = lane() / 4, c = lane() % 4;
    const auto a_word = [&](int row, int k) { return word([&](int i) { return m.a[row * depth + k + i]; }); };
    const auto b_word = [&](int k) { return word([&](int i) { return m.b[(k + i) * 8 + g]; }); };
    const int packed = depth / 8, half = depth / 2, k = packed * c;
    const unsigned a[4] = {a_word(g, k), a_word(g + 8, k), a_word(g, k + half), a_word(g + 8, k + half)};
    const unsigned b[2] = {b_word(k), b_word(k + half)};
    float d[4];
    for (int i = 0; i < 4; ++i) d[i] = m.d[(g + i / 2 * 8) * 8 + 2 * c + i % 2];
    mma(d, a, b);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(d[i], m.product(g + i / 2 * 8, 2 * c + i % 2));
  });
}

TEST(TensorCores, MultiplyTf32) {
  expect_product(
      8, [](auto value) { return tf32_of(value(0)); }, [](auto& d, auto& a, auto& b) { mma_tf32(d, a, b); });
}
TEST(TensorCores, MultiplyFloat16) {
  expect_product(
      16, [](auto value) { return static_cast<unsigned>(float16_of(value(0)) | float16_of(value(1)) << 16); },
      [](auto& d, auto& a, auto& b) { mma_float16(d, a, b); });
}
TEST(TensorCores, MultiplyBFloat16) {
  expect_product(
      16, [](auto value) { return static_cast<unsigned>(bfloat16_of(value(0)) | bfloat16_of(value(1)) << 16); },
      [](auto& d, auto& a, auto& b) { mma_bfloat16(d, a, b); });
}

TEST(TensorCores, OfADivergentWarpAreAFailure) {
  expect_failure({.threads = 32}, "31 (thread 0 ...) wait in mma_tf32", [] {
    float d[4] = {};
    if (lane() != 3) mma_tf32(d, {}, {});
  });
}

TEST(Tf32, RoundsToTheNearest) {
  EXPECT_EQ(float_of(tf32_of(1 + 0x1p-10f)), 1 + 0x1p-10f);
  EXPECT_EQ(float_of(tf32_of(1 + 0x1p-11f)), 1 + 0x1p-10f);
  EXPECT_EQ(float_of(tf32_of(1 + 0x1p-12f)), 1.0f);
}

}  // namespace
}  // namespace unstride::testing
