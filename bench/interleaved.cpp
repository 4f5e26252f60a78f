#include "bench/interleaved.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <thread>

#include "bench/statistics.h"

namespace unstride::bench {

namespace {

constexpr double sample_seconds = 4e-3;
// A halted processor of a virtual machine takes as long to come back.
constexpr double warm_up_seconds = 2e-3;
constexpr double long_call_seconds = 50e-3;  // needs no warm-up of its own

double processor_seconds() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

void settle() {
  constexpr auto step = std::chrono::milliseconds(1);
  constexpr int most_steps = 200;
  for (int i = 0; i < most_steps; ++i) {
    const double before = processor_seconds();
    std::this_thread::sleep_for(step);
    if (processor_seconds() - before < 2e-4) return;
  }
}

CallTimer::CallTimer(std::function<void()> call) : call_(std::move(call)) {
  settle();
  estimate_ = seconds(call_);
  if (estimate_ > 0.25) return;
  double spent = 0;
  for (int i = 0; i < 200 && spent < 5e-3; ++i) {
    const double time = seconds(call_);
    estimate_ = std::min(estimate_, time);
    spent += time;
  }
}

double CallTimer::sample() const {
  settle();
  if (estimate_ < long_call_seconds) {
    double spent = 0;
    while (spent < warm_up_seconds) spent += seconds(call_);
  }
  const int calls = std::max(1, static_cast<int>(std::ceil(sample_seconds / std::max(estimate_, 1e-8))));
  return seconds([&] {
           for (int i = 0; i < calls; ++i) call_();
         }) /
         calls;
}

double CallTimer::sample_cost() const {
  if (estimate_ >= long_call_seconds) return estimate_;
  return std::max(warm_up_seconds, estimate_) + std::max(sample_seconds, estimate_) + 2e-3;
}

std::vector<std::vector<double>> interleave(const std::vector<std::function<double()>>& participants, int rounds) {
  const std::size_t count = participants.size();
  std::vector<std::vector<double>> samples(count);
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < count; ++turn) {
      const std::size_t index = (turn + static_cast<std::size_t>(round)) % count;
      samples[index].push_back(participants[index]());
    }
  }
  return samples;
}

}  // namespace unstride::bench
