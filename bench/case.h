// One layer at one length with its data: what every contender of the comparison is given.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/support/random_data.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

struct Case {
  /// The layer in strict float32 without prologue and epilogue: not every contender can fuse them, so none does.
  Case(LayerSpec layer, std::int64_t batch_size, std::int64_t input_length)
      : spec(layer), batch(batch_size), length(input_length) {
    spec.dtype = DType::float32;
    spec.math = Math::strict;
    spec.prologue = {};
    spec.epilogue = {};
    output_length = unstride::output_length(spec, length);
    x = tools::random_values<float>(batch * spec.in_channels * length, 1);
    weight = tools::random_values<float>(spec.weight_count(), 2);
    bias = tools::random_values<float>(spec.bias ? spec.out_channels : 0, 3);
  }

  std::int64_t output_count() const { return batch * spec.out_channels * output_length; }

  /// Useful operations of one run, a multiply-add counted as two: 2 * N * L * Cin * Cout/groups * K.
  double operations() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(length) * static_cast<double>(spec.weight_count());
  }

  /// What has to move at least: input, output, weights and bias, each once.
  double bytes() const {
    return 4.0 * (static_cast<double>(x.size()) + static_cast<double>(output_count()) +
                  static_cast<double>(weight.size()) + static_cast<double>(bias.size()));
  }

  LayerSpec spec;
  std::int64_t batch, length, output_length;
  std::vector<float> x;       ///< (batch, in_channels, length)
  std::vector<float> weight;  ///< (in_channels, out_channels/groups, kernel_size)
  std::vector<float> bias;    ///< (out_channels); empty if the spec has none
};

}  // namespace unstride::bench
