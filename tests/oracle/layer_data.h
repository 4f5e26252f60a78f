// A layer with seeded random data of its own.
#pragma once

#include <vector>

#include "tests/oracle/strict_chain.h"
#include "tools/support/random_data.h"

namespace unstride::testing {

template <typename T>
struct LayerData {
  LayerData(const LayerSpec& layer, std::int64_t n, std::int64_t l, std::uint64_t seed = 1)
      : spec(layer),
        batch(n),
        length(l),
        x(tools::random_values<T>(n * layer.in_channels * l, 3 * seed)),
        w(tools::random_values<T>(layer.weight_count(), 3 * seed + 1)),
        b(tools::random_values<T>(layer.bias ? layer.out_channels : 0, 3 * seed + 2)) {}

  StrictChain<T> oracle() const { return {spec, batch, length, x, w, b}; }

  LayerSpec spec;
  std::int64_t batch, length;
  std::vector<T> x, w, b;
};

/// A layer in few words; the rest is set by name.
inline LayerSpec layer(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  LayerSpec spec;
  spec.in_channels = in;
  spec.out_channels = out;
  spec.kernel_size = kernel;
  spec.stride = stride;
  return spec;
}

}  // namespace unstride::testing
