#include "tools/unstride/measure.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "tools/support/progress.h"

namespace unstride::command {
namespace {

constexpr double budget_ms = 200, place_ms = 12;
constexpr std::int64_t fewest_runs = 3;

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return std::midpoint(*std::max_element(values.begin(), middle), *middle);
}

double elapsed_ms(const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

Timing measure(const std::function<void()>& work, std::optional<std::int64_t> runs,
               const std::function<void()>& elsewhere) {
  return measure_timed([&] { return elapsed_ms(work); }, runs, elsewhere);
}

Timing measure_timed(const std::function<double()>& work, std::optional<std::int64_t> runs,
                     const std::function<void()>& elsewhere) {
  work();
  std::vector<double> times;
  double total_ms = 0, left_at_ms = 0;
  std::int64_t left_at_run = 0;
  tools::Progress progress("measure", runs.value_or(fewest_runs));
  const auto enough = [&] {
    if (runs) return std::ssize(times) >= *runs;
    return std::ssize(times) >= fewest_runs && total_ms >= budget_ms;
  };
  // Runs that take longer than place_ms are each at another place: of very long work there are only three.
  const auto enough_here = [&] {
    const std::int64_t here = std::ssize(times) - left_at_run;
    const double here_ms = total_ms - left_at_ms;
    return here_ms >= place_ms && (here >= fewest_runs || here_ms >= static_cast<double>(here) * place_ms);
  };
  while (!enough()) {
    if (elsewhere && enough_here()) {
      elsewhere();
      work();
      left_at_ms = total_ms;
      left_at_run = std::ssize(times);
    }
    times.push_back(work());
    total_ms += times.back();
    progress.update(std::ssize(times));
  }
  return {median(times), *std::ranges::min_element(times), std::ssize(times)};
}

}  // namespace unstride::command
