#include "bench/probes/undisturbed.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <thread>

#include "bench/probes/together.h"

namespace unstride::bench {

namespace {

constexpr double quiet_share = 0.9;
constexpr auto pause = std::chrono::milliseconds(10);

// Independent additions, as many as a core starts at once: what it lends to its other half is missed at once.
void run_additions(long rounds) {
  std::array<long, 8> sums{};
  for (long i = 0; i < rounds; ++i)
    for (long& sum : sums) {
      sum += i;
      asm volatile("" : "+r"(sum));
    }
}

double addition_rate(int threads) {
  constexpr long rounds = 20000;  // some 10 microseconds
  return sum_of_rates(threads, [](int) { return rounds / best_seconds([] { run_additions(rounds); }); });
}

// By number of threads. The first time it looks for a while: it may be disturbed just then.
double best_rate(int threads, double now) {
  static std::map<int, double> best;
  double& rate = best[threads];
  for (int i = 0; rate == 0 && i < 100; ++i) {
    now = std::max(now, addition_rate(threads));
    std::this_thread::sleep_for(pause);
  }
  return rate = std::max(rate, now);
}

}  // namespace

bool Undisturbed::quiet() const {
  const double rate = addition_rate(threads_);
  return rate >= quiet_share * best_rate(threads_, rate);
}

double Undisturbed::sample(const std::function<double()>& take) {
  const auto last_start = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    const bool quiet_before = quiet();
    const bool last = std::chrono::steady_clock::now() >= last_start;
    if (quiet_before || last) {
      const double value = take();
      if (quiet_before && quiet()) return value;
      if (last) {
        ++disturbed_;
        return value;
      }
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace unstride::bench
