#include "bench/probes/bfloat16_peak.h"

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/probes/together.h"
#include "bench/statistics.h"

namespace unstride::bench {

namespace {

// What LDTILECFG takes: palette 1, eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  unsigned char palette = 1, start_row = 0, reserved[14] = {};
  unsigned short row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  unsigned char rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Not a local: GCC 12 takes the instruction for one that reads only the first bytes, and would drop the others.
constexpr TileConfig tile_config;

// What tiles hold: 16 rows of pairs of 0.5. Zeros would take less power, and the clock goes by that: an Emerald Rapids
// class core multiplies zeros 1.17 times as fast as anything else.
struct alignas(64) TileNumbers {
  unsigned pairs[16 * 16];
};

constexpr TileNumbers tile_numbers = [] {
  TileNumbers numbers{};
  for (unsigned& pair : numbers.pairs) pair = 0x3f003f00;
  return numbers;
}();

bool has_amx_bf16() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  const unsigned bf16 = 1u << 22, tile = 1u << 24;
  return (edx & bf16) != 0 && (edx & tile) != 0;
}

bool has_avx512_bf16() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __builtin_cpu_supports("avx512f") && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax & 1u << 5) != 0;
}

// Linux lends the tiles' 8 KiB of state to processes that ask for it.
bool permitted() {
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

constexpr int products_a_round = 6;

// Six sums cover the latency of a product.
__attribute__((target("amx-tile,amx-bf16"), noinline)) void run_tiles(long rounds) {
  _tile_loadconfig(&tile_config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_loadd(6, &tile_numbers, 64);
  _tile_loadd(7, &tile_numbers, 64);
  for (long i = 0; i < rounds; ++i) {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
}

// Independent sums, as in fma_peak.cpp.
constexpr int sums = 24;

__attribute__((target("avx512f,avx512bf16"), noinline)) float run_dots(long rounds) {
  __m512 values[sums];
  for (auto& value : values) value = _mm512_set1_ps(1e-3f);
  const auto factor = (__m512bh)_mm512_set1_epi32(0x3f003f00);  // pairs of 0.5
  for (long i = 0; i < rounds; ++i)
#pragma GCC unroll 24
    for (auto& value : values) value = _mm512_dpbf16_ps(value, factor, factor);
  float total = 0;
  for (const auto& value : values) total += _mm512_cvtss_f32(value);
  return total;
}

}  // namespace

std::string_view bfloat16_unit() {
  static const std::string_view unit = has_amx_bf16() && permitted() ? "AMX" : has_avx512_bf16() ? "AVX512-BF16" : "";
  return unit;
}

std::optional<double> bfloat16_peak_gflops(int threads) {
  if (bfloat16_unit().empty()) return std::nullopt;
  const bool tiles = bfloat16_unit() == "AMX";
  const long rounds = tiles ? 15000 : 125000;
  const double a_round = tiles ? 2.0 * 16 * 16 * 32 * products_a_round : 2.0 * 16 * 2 * sums;
  return sum_of_rates(threads, [&](int) {
    volatile float sink = 0;
    const double seconds = best_seconds([&] {
      if (tiles)
        run_tiles(rounds);
      else
        sink = run_dots(rounds);
    });
    return a_round * static_cast<double>(rounds) / seconds * 1e-9;
  });
}

}  // namespace unstride::bench
