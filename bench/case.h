// One layer at one length with its data: what every contender of the comparison is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tools/support/random_data.h"
#include "unstride/unstride.hpp"

namespace unstride::bench {

struct Case {
  /// The layer without prologue and epilogue: not every contender can fuse them, so none does.
  Case(LayerSpec layer, std::int64_t batch_size, std::int64_t input_length, DType dtype = DType::float32,
       Math math = Math::strict)
      : spec(layer), batch(batch_size), length(input_length) {
    spec.dtype = dtype;
    spec.math = math;
    spec.prologue = {};
    spec.epilogue = {};
    output_length = unstride::output_length(spec, length);
    x = tools::random_values<float>(batch * spec.in_channels * length, 1);
    weight = tools::random_values<float>(spec.weight_count(), 2);
    bias = tools::random_values<float>(spec.bias ? spec.out_channels : 0, 3);
    x_elements = to_elements(x);
    weight_elements = to_elements(weight);
    bias_elements = to_elements(bias);
  }

  std::int64_t output_count() const { return batch * spec.out_channels * output_length; }

  /// Useful operations of one run, a multiply-add counted as two: 2 * N * L * Cin * Cout/groups * K.
  double operations() const {
    return 2.0 * static_cast<double>(batch) * static_cast<double>(length) * static_cast<double>(spec.weight_count());
  }

  /// What has to move at least: input, output, weights and bias, each once.
  double bytes() const {
    return static_cast<double>(size_in_bytes(spec.dtype)) *
           (static_cast<double>(x.size()) + static_cast<double>(output_count()) + static_cast<double>(weight.size()) +
            static_cast<double>(bias.size()));
  }

  LayerSpec spec;
  std::int64_t batch, length, output_length;
  // As values, and as elements of the layer's type; rounded to it first, so both are the same numbers.
  std::vector<float> x, weight, bias;  ///< (batch, in_channels, length); as LayerSpec says; (out_channels) or empty
  std::vector<std::byte> x_elements, weight_elements, bias_elements;

 private:
  std::vector<std::byte> to_elements(std::vector<float>& values) const {
    return with_element(spec.dtype, [&](auto element) {
      using Element = decltype(element);
      std::vector<std::byte> elements(values.size() * sizeof(Element));
      for (std::size_t i = 0; i < values.size(); ++i) {
        const Element rounded{values[i]};
        std::memcpy(elements.data() + i * sizeof(Element), &rounded, sizeof(Element));
        values[i] = static_cast<float>(rounded);
      }
      return elements;
    });
  }
};

}  // namespace unstride::bench
