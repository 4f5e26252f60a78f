// Successive halving (Jamieson and Talwalkar, Non-stochastic Best Arm Identification, AISTATS 2016) over the plans of
// one layer at one length. Many candidates get few rounds, the faster half of them more, and so on; the default is
// among them to the end. It is replaced only by a plan that is faster beyond doubt.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "runtime/tuning/clock.h"
#include "runtime/tuning/sample.h"
#include "runtime/tuning/statistics.h"
#include "runtime/tuning/subject.h"

namespace unstride::tuning {

struct SearchOptions {
  double seconds = 10;               ///< for all of it; what is not measured by then is left out
  std::size_t most_candidates = 32;  ///< that are built, the default among them
  double predicted_within = 2;       ///< plans predicted to take more than this times the least are left out
  /// Of the last plans; up to the most while the result is not settled.
  int last_rounds = 21, most_rounds = 84;
  /// A sample repeats its call for so long, four times so long in the last rung, so that it dwarfs the clock's grain
  /// and what comes before; 0: one call.
  double sample_seconds = 1e-3;
  double record_every = 2;  ///< seconds of measuring that are at most lost when the process is killed
};

/// What became of a plan that was tried.
struct Tried {
  std::string plan;
  Outcome outcome = Outcome::ok;
  std::string reason = {};
  int rung = -1;       ///< the last it was measured in; -1: none
  int rounds = 0;      ///< of that rung
  Interval time = {};  ///< in it, seconds of a call
};

struct SearchResult {
  std::string plan;            ///< the one to use; the default where nothing is faster beyond doubt
  bool complete = false;       ///< false: time ran out, or it was stopped
  bool settled = false;        ///< complete, and more rounds would not find anything faster by more than 2 %
  Tried chosen, default_;      ///< both measured in the same rounds
  std::vector<Tried> tried;    ///< last rung first, in it the fastest first; the refused at the end
  std::size_t candidates = 0;  ///< legal plans
  int measured_rounds = 0, reused_rounds = 0;
};

struct SearchHooks {
  std::function<void(const Sample&)> record = [](const Sample&) {};
  /// Now and then: how far it is, from 0 to 1, and the fastest plan so far.
  std::function<void(double share, const Tried& best)> progress = [](double, const Tried&) {};
};

/// Takes up what `history` knows of this unit. Never throws for a plan that fails; throws what building the default
/// throws.
SearchResult search(Subject& subject, Clock& clock, const SearchOptions& options, const History& history,
                    const SearchHooks& hooks, const std::stop_token& stop);

/// Of plans measured in the same rounds, times[plan][round] in the fixed order: the first that ties with the fastest.
std::size_t first_among_the_fastest(const std::vector<std::vector<double>>& times);

/// Candidates to try: the default first, then as the model ranks them, mixed so that there are several families where
/// they are few, and the best of each kind (the plan's first word) whatever the model thinks of it.
std::vector<std::string> pruned(const Subject& subject, const SearchOptions& options);

}  // namespace unstride::tuning
