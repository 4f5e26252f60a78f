// Samples on a machine whose cores have other tenants: for milliseconds or minutes all code runs at about half its
// speed, and nothing that the system counts shows it. (A virtual machine's processor may be one of a core's two
// hardware threads, and the other somebody else's.)
#pragma once

#include <chrono>
#include <functional>
#include <utility>

namespace unstride {

/// How fast the calling thread's processor adds just now, in any unit. Takes some ten microseconds.
double addition_rate();

/// Takes samples again that were taken while the processors were slower than they can be.
class Undisturbed {
 public:
  using Seconds = std::chrono::duration<double>;

  /// `rate` tells how fast the slowest of the processors in use is just now. The fastest seen so far is what it can be.
  explicit Undisturbed(std::function<double()> rate) : rate_(std::move(rate)) {}

  /// take() when nothing disturbs it: before and after, the rate is at least three quarters of the best. (More would
  /// not tell a tenant from a clock that wide vectors slow down.) When that does not come to be within `patience`, the
  /// last of its values. Half as long each time that it waited in vain, until a sample is good again.
  double sample(const std::function<double()>& take, Seconds patience);

  int disturbed() const { return disturbed_; }  ///< samples that were taken all the same
  Seconds kept() const { return kept_; }        ///< spent on samples that were returned
  Seconds lost() const { return lost_; }        ///< spent on waiting, and on samples that were taken again

 private:
  bool quiet();

  std::function<double()> rate_;
  double best_rate_ = 0;
  int disturbed_ = 0, in_vain_ = 0;
  Seconds kept_{}, lost_{};
};

}  // namespace unstride
