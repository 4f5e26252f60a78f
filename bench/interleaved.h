// Timing several things fairly on a machine whose speed varies: in rounds, each thing once a round, the first one
// another each round, and the middle of each thing's samples reported.
#pragma once

#include <functional>
#include <vector>

namespace unstride::bench {

/// Waits until no thread of this process is busy, at most 0.2 s. Thread pools spin after their work, libgomp's for many
/// milliseconds; what is timed next would share the processors with them.
void settle();

/// Times one call. A sample repeats it until the clock's grain does not matter, after untimed calls that bring data
/// into the caches and threads out of their sleep.
class CallTimer {
 public:
  /// Calls it a few times to learn how long it takes.
  explicit CallTimer(std::function<void()> call);

  double estimate() const { return estimate_; }  ///< seconds of a call, the best of the first few
  double sample() const;                         ///< seconds of a call now, settled before
  double sample_cost() const;                    ///< seconds that sample() takes

 private:
  void warm_up() const;

  std::function<void()> call_;
  double estimate_ = 0;
};

/// Samples by participant, then round. Participants are called in order, starting with another one each round.
std::vector<std::vector<double>> interleave(const std::vector<std::function<double()>>& participants, int rounds);

}  // namespace unstride::bench
