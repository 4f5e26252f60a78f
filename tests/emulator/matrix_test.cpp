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

// Of a warpgroup: 64 rows by 64 columns, the second matrix behind some other bytes, its core matrices apart.
constexpr int group_columns = 64, gap_bytes = 256, core_bytes = 128, two_cores = 2 * core_bytes;

template <typename Bits>
void put_core_matrices(const Bits& element, int depth) {
  const int in_core = 16 / static_cast<int>(sizeof(element(0, 0)));
  for (int n = lane(); n < group_columns; n += 128)
    for (int k = 0; k < depth; ++k) {
      const auto bits = element(n, k);
      const int at = n / 8 * two_cores + k / in_core * core_bytes + n % 8 * 16;
      __builtin_memcpy(dynamic_shared() + gap_bytes + at + k % in_core * static_cast<int>(sizeof bits), &bits,
                       sizeof bits);
    }
}

template <typename Bits, typename Multiply>
void expect_group_product(int depth, const Bits& bits, const Multiply& multiply) {
  std::mt19937 random(5);
  std::vector<float> a(64 * depth), b(group_columns * depth);
  for (std::vector<float>* matrix : {&a, &b})
    for (float& value : *matrix) value = static_cast<float>(static_cast<int>(random() % 17) - 8);
  run_under_all_schedules({.threads = 128, .shared_bytes = 8 * two_cores + gap_bytes}, [&] {
    put_core_matrices([&](int n, int k) { return bits(b[n * depth + k]); }, depth);
    __syncthreads();
    const int g = lane() / 32 * 16 + lane() % 32 / 4, c = lane() % 4, packed = depth / 8;
    const auto a_word = [&](int row, int k) {
      unsigned word = 0;
      for (int i = 0; i < packed; ++i) word |= static_cast<unsigned>(bits(a[row * depth + k + i])) << 16 * i;
      return word;
    };
    const int k = packed * c, half = depth / 2;
    const unsigned words[4] = {a_word(g, k), a_word(g + 8, k), a_word(g, k + half), a_word(g + 8, k + half)};
    float d[group_columns / 8][4];
    for (auto& four : d)
      for (float& sum : four) sum = 1;
    fence_products();
    multiply(d, words, matrix_descriptor(dynamic_shared() + gap_bytes, core_bytes, two_cores));
    commit_products();
    EXPECT_EQ(d[0][0], 1) << "a product is not there before it was waited for";
    wait_products<0>();
    for (int n = 0; n < group_columns / 8; ++n)
      for (int i = 0; i < 4; ++i) {
        float expected = 1;
        for (int j = 0; j < depth; ++j)
          expected += a[(g + i / 2 * 8) * depth + j] * b[(8 * n + 2 * c + i % 2) * depth + j];
        EXPECT_EQ(d[n][i], expected);
      }
  });
}

TEST(WarpgroupProducts, MultiplyTf32) {
  expect_group_product(
      8, [](float value) { return tf32_of(value); },
      [](auto& d, auto& a, auto b) { wgmma_tf32<group_columns>(d, a, b); });
}
TEST(WarpgroupProducts, MultiplyFloat16) {
  expect_group_product(
      16, [](float value) { return float16_of(value); },
      [](auto& d, auto& a, auto b) { wgmma_float16<group_columns>(d, a, b); });
}
TEST(WarpgroupProducts, MultiplyBFloat16) {
  expect_group_product(
      16, [](float value) { return bfloat16_of(value); },
      [](auto& d, auto& a, auto b) { wgmma_bfloat16<group_columns>(d, a, b); });
}

TEST(WarpgroupProducts, ThatAreNotWaitedForAreAFailure) {
  expect_failure({.threads = 128, .shared_bytes = 2048}, "ends while products are under way", [] {
    float d[8][4] = {};
    wgmma_bfloat16<64>(d, {}, matrix_descriptor(dynamic_shared(), core_bytes, two_cores));
    commit_products();
    wait_products<1>();
  });
}
TEST(WarpgroupProducts, OfADivergentWarpAreAFailure) {
  expect_failure({.threads = 128, .shared_bytes = 2048}, "31 (thread 0 ...) wait in wgmma_tf32", [] {
    float d[8][4] = {};
    if (lane() != 3) wgmma_tf32<64>(d, {}, matrix_descriptor(dynamic_shared(), core_bytes, two_cores));
  });
}
TEST(WarpgroupProducts, ReachingBeyondSharedMemoryAreAFailure) {
  expect_failure({.threads = 128, .shared_bytes = 2048 - 16}, "reaches beyond shared memory", [] {
    float d[8][4] = {};
    wgmma_tf32<64>(d, {}, matrix_descriptor(dynamic_shared(), core_bytes, two_cores));
  });
}
TEST(WarpgroupProducts, OfSwizzledMatricesAreAFailure) {
  expect_failure({.threads = 128, .shared_bytes = 2048}, "asks for what is not emulated", [] {
    float d[8][4] = {};
    wgmma_tf32<64>(d, {}, matrix_descriptor(dynamic_shared(), core_bytes, two_cores) | 1ull << 62);
  });
}
TEST(MatrixDescriptors, OfMisalignedMatricesAreAFailure) {
  expect_failure({.threads = 32, .shared_bytes = 64}, "multiples of 16",
                 [] { matrix_descriptor(dynamic_shared() + 8, core_bytes, two_cores); });
}
// The fields as the PTX manual draws them, from bits 0, 16 and 32, in units of 16 bytes.
TEST(MatrixDescriptors, HoldAddressAndDistances) {
  EXPECT_EQ(matrix_descriptor_bits(0x12340, 128, 0x3fff0), 0x3fff'0008'1234ull);
}

TEST(Tf32, RoundsToTheNearest) {
  EXPECT_EQ(float_of(tf32_of(1 + 0x1p-10f)), 1 + 0x1p-10f);
  EXPECT_EQ(float_of(tf32_of(1 + 0x1p-11f)), 1 + 0x1p-10f);
  EXPECT_EQ(float_of(tf32_of(1 + 0x1p-12f)), 1.0f);
}

}  // namespace
}  // namespace unstride::testing
