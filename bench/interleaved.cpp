#include "bench/interleaved.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "bench/statistics.h"

namespace unstride::bench {

namespace {

constexpr double sample_seconds = 4e-3;
// A halted processor of a virtual machine takes as long to come back.
constexpr double warm_up_seconds = 2e-3;
constexpr double most_warm_up_seconds = 60e-3;
constexpr double long_call_seconds = 50e-3;  // needs no warm-up of its own

// By the states that the kernel shows: it adds up the time of threads on other processors at its ticks only.
bool others_run() {
  const std::string self = std::to_string(gettid());
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    if (thread.path().filename() == self) continue;
    std::string line;
    std::getline(std::ifstream(thread.path() / "stat"), line);  // id (name) state ...
    const std::size_t name = line.rfind(") ");
    if (name != std::string::npos && line.compare(name + 2, 1, "R") == 0) return true;
  }
  return false;
}

}  // namespace

void settle() {
  constexpr auto step = std::chrono::milliseconds(1);
  constexpr int most_steps = 200;
  for (int i = 0; i < most_steps; ++i) {
    std::this_thread::sleep_for(step);
    if (!others_run()) return;
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

// Weights of tens of megabytes that another contender's have driven out come back into the third-level cache only in
// some calls: calls are no samples until they do not get faster.
void CallTimer::warm_up() const {
  if (estimate_ >= long_call_seconds) return;
  double spent = 0, least = std::numeric_limits<double>::infinity();
  for (int no_faster = 0; spent < warm_up_seconds || (no_faster < 3 && spent < most_warm_up_seconds);) {
    const double call = seconds(call_);
    no_faster = call < 0.98 * least ? 0 : no_faster + 1;
    least = std::min(least, call);
    spent += call;
  }
}

double CallTimer::sample() const {
  settle();
  warm_up();
  const int calls = std::max(1, static_cast<int>(std::ceil(sample_seconds / std::max(estimate_, 1e-8))));
  return seconds([&] {
           for (int i = 0; i < calls; ++i) call_();
         }) /
         calls;
}

double CallTimer::sample_cost() const {
  if (estimate_ >= long_call_seconds) return estimate_;
  const double warm_up = std::clamp(4 * estimate_, warm_up_seconds, most_warm_up_seconds);
  return warm_up + std::max(sample_seconds, estimate_) + 2e-3;
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
