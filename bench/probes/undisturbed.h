// Samples on a machine whose cores have other tenants. A virtual machine's processor may be half of a core, whose other
// half belongs to another machine: while that one computes, this one runs at half its speed with half of the caches,
// for seconds or minutes, and nothing that the system counts shows it.
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
