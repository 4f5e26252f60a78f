#include "support/undisturbed.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>

namespace unstride {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double quiet_share = 0.75;
constexpr auto pause = std::chrono::milliseconds(1);

// Independent additions, as many as a core starts at once: what it lends to its other half is missed at once.
void run_additions(long rounds) {
  std::array<long, 8> sums{};
  for (long i = 0; i < rounds; ++i)
    for (long& sum : sums) {
      sum += i;
      asm volatile("" : "+r"(sum));
    }
}

}  // namespace

double addition_rate() {
  constexpr long rounds = 2000;
  double best = 0;
  for (int i = 0; i < 4; ++i) {  // an interrupt is no tenant
    const auto start = Clock::now();
    run_additions(rounds);
    best = std::max(best, rounds / std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

bool Undisturbed::quiet() {
  const double rate = rate_();
  best_rate_ = std::max(best_rate_, rate);
  return rate >= quiet_share * best_rate_;
}

double Undisturbed::sample(const std::function<double()>& take, Seconds patience) {
  const Seconds limit = std::ldexp(1.0, -in_vain_) * patience;
  const auto start = Clock::now();
  for (auto before = start;; before = Clock::now()) {
    const bool last = before - start >= limit, quiet_before = quiet();
    if (quiet_before || last) {
      const double value = take();
      const bool good = quiet_before && quiet();
      if (good || last) {
        if (!good) ++disturbed_;
        in_vain_ = good ? 0 : in_vain_ + 1;
        kept_ += Clock::now() - before;
        lost_ += before - start;
        return value;
      }
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace unstride
