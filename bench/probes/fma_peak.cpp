#include "bench/probes/fma_peak.h"

#include <immintrin.h>

#include "bench/probes/together.h"
#include "bench/statistics.h"

namespace unstride::bench {

namespace {

// Enough independent sums to cover the latency of two units (4 cycles each), few enough for the registers.
constexpr int sums_512 = 24, sums_256 = 12;

__attribute__((target("avx512f"), noinline)) float run_avx512(long rounds) {
  __m512 sums[sums_512];
  for (auto& sum : sums) sum = _mm512_set1_ps(1e-3f);
  const __m512 factor = _mm512_set1_ps(0.5f);
  for (long i = 0; i < rounds; ++i)
#pragma GCC unroll 24
    for (auto& sum : sums) sum = _mm512_fmadd_ps(factor, factor, sum);
  float total = 0;
  for (const auto& sum : sums) total += _mm512_cvtss_f32(sum);
  return total;
}

__attribute__((target("avx2,fma"), noinline)) float run_avx2(long rounds) {
  __m256 sums[sums_256];
  for (auto& sum : sums) sum = _mm256_set1_ps(1e-3f);
  const __m256 factor = _mm256_set1_ps(0.5f);
  for (long i = 0; i < rounds; ++i)
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_fmadd_ps(factor, factor, sum);
  float total = 0;
  for (const auto& sum : sums) total += _mm256_cvtss_f32(sum);
  return total;
}

}  // namespace

double fma_peak_gflops(int threads) {
  const bool avx512 = __builtin_cpu_supports("avx512f");
  const long rounds = 125000;
  const double operations = 2.0 * static_cast<double>(rounds) * (avx512 ? sums_512 * 16 : sums_256 * 8);
  return sum_of_rates(threads, [&](int) {
    volatile float sink = 0;
    return operations / best_seconds([&] { sink = avx512 ? run_avx512(rounds) : run_avx2(rounds); }) * 1e-9;
  });
}

}  // namespace unstride::bench
