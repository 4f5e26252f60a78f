// Samples on a machine whose cores seem to have other tenants: for seconds or minutes all code runs at about half its
// speed, and nothing that the system counts shows it. (A virtual machine's processor may be one of a core's two
// hardware threads, and the other somebody else's.)
#pragma once

#include <chrono>
#include <functional>

namespace unstride::bench {

/// Takes samples again that were taken while the processors were slower than they can be: before or after, scalar
/// instructions ran at less than nine tenths of the best rate that this process has seen.
class Undisturbed {
 public:
  Undisturbed(int threads, double patience_seconds) : threads_(threads), patience_(patience_seconds) {}

  /// take() when nothing disturbs it, or the last of its values when that does not happen in time.
  double sample(const std::function<double()>& take);
  int disturbed() const { return disturbed_; }  ///< samples that were taken all the same

 private:
  bool quiet() const;

  int threads_;
  std::chrono::duration<double> patience_;
  int disturbed_ = 0;
};

}  // namespace unstride::bench
