// This machine's ceiling for layers that move more than they compute: copying, for one size of working set.
#pragma once

#include <cstdint>
#include <memory>

namespace unstride::bench {

/// Copies half of a working set to the other half, each thread its own part, again and again. Stores that go past the
/// caches are tried too, and the faster kind is kept. Above 512 MiB a working set counts as 512 MiB.
class CopyBandwidth {
 public:
  CopyBandwidth(double working_set_bytes, int threads);

  /// GB/s over about 2 ms, bytes read plus bytes written.
  double measure() const;

 private:
  double measure(bool streaming) const;

  int threads_;
  std::int64_t part_ = 0;  // floats that one thread copies
  std::shared_ptr<float[]> memory_;
  bool streaming_ = false;
};

}  // namespace unstride::bench
