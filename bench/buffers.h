// Inputs and outputs to run on: one set again and again (hot caches), or so many in turn that each one has left the
// second-level cache before it is used again (cold). Weights are as warm as repeated calls leave them in both.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bench/case.h"
#include "bench/peers/contender.h"

namespace unstride::bench {

class Buffers {
 public:
  Buffers(const Case& layer, bool cold, int threads) {
    const auto outputs = static_cast<std::size_t>(layer.output_count() * size_in_bytes(layer.spec.dtype));
    const auto set_bytes = static_cast<double>(layer.x_elements.size() + outputs);
    std::size_t sets = 1;
    if (cold) {
      const double caches = static_cast<double>(std::max(sysconf(_SC_LEVEL2_CACHE_SIZE), 1L << 20)) * threads;
      sets = static_cast<std::size_t>(std::max(2.0, 4 * caches / set_bytes + 1));
    }
    bytes_ = static_cast<double>(sets) * set_bytes;
    for (std::size_t i = 0; i < sets; ++i) sets_.push_back({layer.x_elements, std::vector<std::byte>(outputs)});
  }

  void run(Contender& contender) {
    Set& set = sets_[next_];
    next_ = next_ + 1 == sets_.size() ? 0 : next_ + 1;
    contender.run(set.x.data(), set.y.data());
  }

  /// All sets together.
  double bytes() const { return bytes_; }

 private:
  struct Set {
    std::vector<std::byte> x, y;
  };
  std::vector<Set> sets_;
  std::size_t next_ = 0;
  double bytes_ = 0;
};

}  // namespace unstride::bench
