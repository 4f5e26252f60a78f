#include "bench/probes/copy_bandwidth.h"

#include <immintrin.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "bench/probes/together.h"
#include "bench/statistics.h"

namespace unstride::bench {

namespace {

constexpr double largest_set = 512.0 * 1024 * 1024;
constexpr double window_seconds = 5e-4;

__attribute__((target("avx512f"), noinline)) void copy_avx512(const float* from, float* to, std::int64_t count,
                                                              bool streaming) {
  if (streaming) {
    for (std::int64_t i = 0; i < count; i += 16) _mm512_stream_ps(to + i, _mm512_load_ps(from + i));
    _mm_sfence();
  } else {
    for (std::int64_t i = 0; i < count; i += 16) _mm512_store_ps(to + i, _mm512_load_ps(from + i));
  }
}

__attribute__((target("avx2"), noinline)) void copy_avx2(const float* from, float* to, std::int64_t count,
                                                         bool streaming) {
  if (streaming) {
    for (std::int64_t i = 0; i < count; i += 8) _mm256_stream_ps(to + i, _mm256_load_ps(from + i));
    _mm_sfence();
  } else {
    for (std::int64_t i = 0; i < count; i += 8) _mm256_store_ps(to + i, _mm256_load_ps(from + i));
  }
}

}  // namespace

CopyBandwidth::CopyBandwidth(double working_set_bytes, int threads) : threads_(threads) {
  const double part_bytes = std::min(working_set_bytes, largest_set) / (2.0 * threads);
  part_ = std::max<std::int64_t>(16, static_cast<std::int64_t>(part_bytes / 64) * 16);
  const std::size_t bytes = static_cast<std::size_t>(std::int64_t{2} * threads * part_) * sizeof(float);
  memory_ = std::shared_ptr<float[]>(static_cast<float*>(::operator new[](bytes, std::align_val_t{4096})),
                                     [](float* p) { ::operator delete[](p, std::align_val_t{4096}); });
  std::memset(memory_.get(), 0, bytes);
  const double plain = measure(false), past_caches = measure(true);
  streaming_ = past_caches > plain;
}

double CopyBandwidth::measure() const {
  return measure(streaming_);
}

double CopyBandwidth::measure(bool streaming) const {
  const bool avx512 = __builtin_cpu_supports("avx512f");
  return sum_of_rates(threads_, [&](int thread) {
    const float* from = memory_.get() + std::int64_t{2} * thread * part_;
    float* to = memory_.get() + (std::int64_t{2} * thread + 1) * part_;
    const auto copy = [&] { avx512 ? copy_avx512(from, to, part_, streaming) : copy_avx2(from, to, part_, streaming); };
    const double first = seconds(copy);
    const auto calls = std::max<std::int64_t>(1, static_cast<std::int64_t>(window_seconds / std::max(first, 1e-7)));
    const double time = best_seconds([&] {
      for (std::int64_t i = 0; i < calls; ++i) copy();
    });
    return 2.0 * sizeof(float) * static_cast<double>(part_) * static_cast<double>(calls) / time * 1e-9;
  });
}

}  // namespace unstride::bench
