// A compiled layer with weights and buffers for one length, ready to be timed.
#pragma once

#include <vector>

#include "tools/support/random_data.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

struct Workload {
  Workload(const Engine& engine, const LayerSpec& spec, std::int64_t input_length, const CompileOptions& options = {})
      : kernel(engine.compile(spec, options)),
        length(input_length),
        x(tools::random_values<float>(spec.in_channels * length, 1)),
        y(static_cast<std::size_t>(spec.out_channels * kernel.output_length(length))) {
    const auto weight = tools::random_values<float>(spec.weight_count(), 2);
    const auto bias = tools::random_values<float>(spec.bias ? spec.out_channels : 0, 3);
    weights = kernel.pack(weight, bias);
  }

  void run(int threads) { kernel.run(x, weights, y, {.length = length, .threads = threads}); }

  /// Useful operations of one run, a multiply-add counted as two: 2 * L * Cin * Cout/groups * K.
  double operations() const {
    return 2.0 * static_cast<double>(length) * static_cast<double>(kernel.spec().weight_count());
  }

  Kernel kernel;
  std::int64_t length;
  std::vector<float> x, y;
  PackedWeights weights;
};

}  // namespace unstride::bench
