#include "codegen/plan/cpu_variants.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace unstride::plan {

namespace {

// A variant is worth its code where it is predicted to save so much, in shares of a call's time times octaves of
// lengths: no length is known to matter more than others.
constexpr double worthwhile = 0.28;

// Most candidates are slow at any length. What is not among the best at one of a few samples, by so much, is left out:
// a plan is made in each compilation, and when a kernel comes from the cache it is most of the work.
constexpr double among_the_best = 1.2;
// One column is among them and two, as what is the best for either may be nothing for the other.
bool is_one_of_few(std::size_t sample) {
  return sample % 4 == 0 || sample == 1;
}

// Columns that stand for all calls.
struct Samples {
  std::vector<std::int64_t> columns;
  std::size_t long_calls;  // the first of those that stand for long ones
};

// Each small number, where a column more may be a tile more, then some in each octave, and both sides of where inputs
// and outputs leave a cache.
Samples sample(const CpuProblem& problem) {
  const std::int64_t second = columns_within(problem, problem.target.l2_bytes * 3 / 4);
  const std::int64_t third = columns_within(problem, third_level_bytes);
  const std::int64_t shortest_long = std::max(third / 2, nominal_columns);
  std::vector<std::int64_t> columns = {1,  2,  3,  4,  5,  6,  7,  8,  9,  11,  13,  15,
                                       17, 20, 24, 29, 38, 47, 56, 65, 90, 128, 256, 512};
  columns.insert(columns.end(), {nominal_columns, second, second + 1, shortest_long, shortest_long + 1,
                                 std::max(8 * third, 4 * nominal_columns)});
  std::ranges::sort(columns);
  columns.erase(columns.begin(), std::ranges::lower_bound(columns, 1));  // where a cache holds not one column
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  const auto long_calls = std::ranges::find(columns, shortest_long) - columns.begin();
  return {std::move(columns), static_cast<std::size_t>(long_calls)};
}

class Ranges {
 public:
  Ranges(const CpuProblem& problem, std::span<const Candidate> all) : samples_(sample(problem)) {
    const std::vector<std::int64_t>& columns = samples_.columns;
    std::vector<double> least(columns.size(), std::numeric_limits<double>::infinity());
    std::vector<std::vector<double>> times(all.size(), std::vector<double>(columns.size()));
    const auto predict = [&](std::size_t candidate, std::size_t i) {
      const CpuPlan& plan = all[candidate].plan;
      times[candidate][i] = strategy_of(plan).predict(problem, plan, columns[i]);
      least[i] = std::min(least[i], times[candidate][i]);
    };
    for (std::size_t c = 0; c < all.size(); ++c)
      for (std::size_t i = 0; i < columns.size(); ++i)
        if (is_one_of_few(i)) predict(c, i);
    for (std::size_t c = 0; c < all.size(); ++c) {
      bool good = false;
      for (std::size_t i = 0; i < columns.size(); ++i)
        good = good || (is_one_of_few(i) && times[c][i] <= among_the_best * least[i]);
      if (!good) continue;
      for (std::size_t i = 0; i < columns.size(); ++i)
        if (!is_one_of_few(i)) predict(c, i);
      candidates_.push_back(&all[c].plan);
      std::vector<double>& sums = costs_.emplace_back(times[c]);
      sums.insert(sums.begin(), 0);
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto before = static_cast<double>(columns[i == 0 ? 0 : i - 1]);
      const auto after = static_cast<double>(i + 1 == columns.size() ? 2 * columns[i] : columns[i + 1]);
      const double octaves = std::log2(after / before) / 2;
      for (std::vector<double>& sums : costs_) sums[i + 1] = sums[i] + octaves * sums[i + 1] / least[i];
    }
  }

  KernelPlan cheapest() const {
    const std::size_t count = samples_.columns.size();
    // Long calls have the most to lose: the last range has what is the best for them alone.
    std::size_t longest = 0;
    for (std::size_t c = 1; c < candidates_.size(); ++c)
      if (cost(c, samples_.long_calls, count) < cost(longest, samples_.long_calls, count)) longest = c;

    // The best division into ranges of the samples before each.
    struct Division {
      double cost = std::numeric_limits<double>::infinity();
      std::size_t begin = 0, candidate = 0;  // of the last range
    };
    std::vector<Division> best(count + 1);
    best[0].cost = 0;
    for (std::size_t end = 1; end <= count; ++end)
      for (std::size_t begin = 0; begin < end; ++begin)
        for (std::size_t c = 0; c < candidates_.size(); ++c) {
          const double all = best[begin].cost + worthwhile + cost(c, begin, end);
          if (all < best[end].cost && (end < count || c == longest)) best[end] = {all, begin, c};
        }

    KernelPlan result = *candidates_[longest];
    for (std::size_t end = best[count].begin; end > 0; end = best[end].begin)
      result.variants.insert(result.variants.begin(), {*candidates_[best[end].candidate], samples_.columns[end - 1]});
    return result;
  }

 private:
  // Of a range of samples.
  double cost(std::size_t candidate, std::size_t begin, std::size_t end) const {
    return costs_[candidate][end] - costs_[candidate][begin];
  }

  std::vector<const CpuPlan*> candidates_;
  Samples samples_;
  // [candidate][sample]: time over the least of all candidates, times octaves, summed over the samples before it.
  std::vector<std::vector<double>> costs_;
};

}  // namespace

KernelPlan cheapest_variants(const CpuProblem& problem, std::span<const Candidate> candidates) {
  return Ranges(problem, candidates).cheapest();
}

}  // namespace unstride::plan
