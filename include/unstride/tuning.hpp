// Tuning: measured plans in place of predicted ones. Results never depend on it: under strict math every plan gives the
// same bits. docs/tuning.md tells the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride {

/// A layer and the input lengths to tune it for.
struct TuneRequest {
  LayerSpec spec;
  std::vector<std::int64_t> lengths;
};

/// One plan as it was measured. Times are seconds of one call.
struct TunedTime {
  std::string plan;
  std::string outcome = "ok";  ///< or "compile failed", "wrong"
  std::string reason = {};     ///< of an outcome that is not ok
  int rounds = 0;              ///< 0: not measured
  double median = 0;
  double low = 0, high = 0;  ///< 95 % confidence interval of the median
};

/// What tuning came to for one layer at one length.
struct TunedLength {
  LayerSpec spec;
  std::int64_t length = 0;
  std::string error = {};                    ///< why there is no result; empty if there is one
  bool complete = false;                     ///< the search went to its end. Else time ran out, or it was stopped
  bool settled = false;                      ///< complete, and more rounds would not gain more than 2 %
  bool reused = false;                       ///< it was complete already, and TuneOptions::resume was set
  std::string plan = {};                     ///< the default where nothing was faster beyond doubt
  TunedTime chosen = {}, default_time = {};  ///< measured side by side
  std::vector<TunedTime> tried = {};         ///< the fastest and the refused
  std::int64_t candidates = 0;               ///< legal plans
  std::int64_t rounds = 0;                   ///< measured now; those known from before are not counted
  double seconds = 0;                        ///< spent on it

  double speedup() const { return chosen.median > 0 ? default_time.median / chosen.median : 1; }
};

struct TuneProgress {
  std::int64_t done = 0, total = 0;       ///< layers and lengths
  const TunedLength* finished = nullptr;  ///< set once for each, when it is done
  LayerSpec spec;                         ///< at work
  std::int64_t length = 0;
  double share = 0;         ///< of the one at work, from 0 to 1
  std::string best_plan;    ///< of the one at work, so far
  double best_seconds = 0;  ///< 0: none yet
};

struct TuneOptions {
  std::string target = "cpu";    ///< that this machine runs: its processor, or its first GPU
  double budget_seconds = 1200;  ///< wall-clock time for all. What is left over by one goes to the next
  bool cold = false;             ///< measure with the data out of the caches
  /// Go on where an earlier tune on this machine was interrupted: what is complete is not measured again.
  bool resume = false;
  /// With resume: what was measured before this does not count. Seconds since 1970.
  double resume_since = 0;
  std::int64_t most_candidates = 32;  ///< plans measured for one length
  /// Of the last plans; with resume, what was complete with fewer is taken up again. 0: 21, and up to 84 while some
  /// plans differ by the median that may yet be equal.
  int rounds = 0;
  std::stop_token stop = {};  ///< ends it soon; what was measured is kept
  std::function<void(const TuneProgress&)> progress = {};
};

struct TuneReport {
  std::vector<TunedLength> results;  ///< in the order of the requests
  double seconds = 0;
  bool stopped = false;
  std::string directory;  ///< where samples and choices were written
};

}  // namespace unstride
