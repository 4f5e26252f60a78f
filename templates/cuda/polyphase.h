// The polyphase decomposition as constants of a layer: codegen/plan/polyphase.h explains it, and computes the same
// numbers on the host. Generated sources assert that both agree.
//
// On the grid u = o + offset = column*stride + phase, the phases that have taps are numbered by their first tap
// j0 < phases. Tap t of phase j0 is kernel element j0 + t*tap_step and reads input column - delay - t*input_step.
#pragma once

// Before functions that kernels may call at run time; a plain C++ compiler sees nothing.
#ifdef __CUDACC__
#define UNSTRIDE_HOST_DEVICE __host__ __device__
#else
#define UNSTRIDE_HOST_DEVICE
#endif

namespace unstride::gpu {

using Index = long long;

UNSTRIDE_HOST_DEVICE constexpr Index gcd(Index a, Index b) {
  while (b != 0) {
    const Index rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}
UNSTRIDE_HOST_DEVICE constexpr Index ceil_div(Index a, Index b) {
  return a / b + (a % b > 0 ? 1 : 0);
}
UNSTRIDE_HOST_DEVICE constexpr Index round_up(Index a, Index b) {
  return ceil_div(a, b) * b;
}
UNSTRIDE_HOST_DEVICE constexpr Index min(Index a, Index b) {
  return a < b ? a : b;
}
UNSTRIDE_HOST_DEVICE constexpr Index max(Index a, Index b) {
  return a > b ? a : b;
}
/// `value`, within 0 and `most`.
UNSTRIDE_HOST_DEVICE constexpr int clamped(Index value, int most) {
  return value < 0 ? 0 : value > most ? most : static_cast<int>(value);
}

/// How often a loop whose number of rounds is computed at run time may be unrolled, `most` times or less: a power of
/// two. By 3 or by 5 NVCC 13.0 drops the test between the copies of the body, as if the rounds were always a multiple:
/// for (c = 0; c < min(514 - 16 * k, 16); ++c), within a loop over k < 33, has 18 rounds.
UNSTRIDE_HOST_DEVICE constexpr int unroll_factor(Index most) {
  int factor = 1;
  while (2 * factor <= most) factor *= 2;
  return factor;
}

/// The x < modulus with a*x = 1 modulo it, for a and modulus without common divisors.
UNSTRIDE_HOST_DEVICE constexpr Index inverse(Index a, Index modulus) {
  Index x = modulus == 1 ? 0 : 1, next = 0, remainder = a, next_remainder = modulus;
  while (next_remainder != 0) {  // Euclid: x*a = remainder modulo modulus
    const Index quotient = remainder / next_remainder;
    const Index after = x - quotient * next, remainder_after = remainder - quotient * next_remainder;
    x = next, next = after;
    remainder = next_remainder, next_remainder = remainder_after;
  }
  return x < 0 ? x + modulus : x;
}

struct Polyphase {
  Index stride, dilation, kernel_size;

  /// Kernel distance, and input distance, between neighbouring taps of a phase.
  UNSTRIDE_HOST_DEVICE constexpr Index tap_step() const {
    return dilation == 1 ? stride : stride / gcd(stride, dilation);
  }
  UNSTRIDE_HOST_DEVICE constexpr Index input_step() const {
    return dilation == 1 ? 1 : dilation / gcd(stride, dilation);
  }
  /// Phases that have taps; the others hold the bias alone.
  UNSTRIDE_HOST_DEVICE constexpr Index phases() const { return min(tap_step(), kernel_size); }
  UNSTRIDE_HOST_DEVICE constexpr bool has_bias_only_phases() const { return phases() < stride; }

  UNSTRIDE_HOST_DEVICE constexpr Index phase(Index first_tap) const {
    return dilation == 1 ? first_tap : first_tap * dilation % stride;
  }
  /// The first tap of a phase; -1 where it has none.
  UNSTRIDE_HOST_DEVICE constexpr Index first_tap(Index of_phase) const {
    if (dilation == 1) return of_phase < kernel_size ? of_phase : -1;
    const Index common = gcd(stride, dilation), step = stride / common;
    if (of_phase % common != 0) return -1;
    const Index first = of_phase / common % step * inverse(dilation / common % step, step) % step;
    return first < kernel_size ? first : -1;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index taps(Index first_tap) const {
    return (kernel_size - first_tap - 1) / tap_step() + 1;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index max_taps() const { return taps(0); }
  UNSTRIDE_HOST_DEVICE constexpr Index min_taps() const { return taps(phases() - 1); }
  /// How many inputs before its column the first tap of a phase reads: it grows with the first tap.
  UNSTRIDE_HOST_DEVICE constexpr Index delay(Index first_tap) const {
    return dilation == 1 ? 0 : first_tap * dilation / stride;
  }
  UNSTRIDE_HOST_DEVICE constexpr Index max_delay() const { return delay(phases() - 1); }
  /// How many inputs before its column the furthest tap reads.
  UNSTRIDE_HOST_DEVICE constexpr Index reach() const { return (kernel_size - 1) * dilation / stride; }
};

}  // namespace unstride::gpu
