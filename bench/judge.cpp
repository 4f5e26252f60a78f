#include "bench/judge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace unstride::bench {

namespace {

std::vector<float> absolute(std::vector<float> values) {
  for (float& value : values) value = std::abs(value);
  return values;
}

// In strict float32, whatever the type of the case.
std::vector<float> compute(const Engine& engine, const Case& layer, const std::vector<float>& x,
                           const std::vector<float>& weight, const std::vector<float>& bias) {
  LayerSpec spec = layer.spec;
  spec.dtype = DType::float32;
  spec.math = Math::strict;
  const Kernel kernel = engine.compile(spec);
  std::vector<float> y(static_cast<std::size_t>(layer.output_count()));
  kernel.run(x, kernel.pack(weight, bias), y, {.batch = layer.batch, .length = layer.length});
  return y;
}

}  // namespace

Judge::Judge(const Engine& engine, const Case& layer)
    : dtype_(layer.spec.dtype),
      y_(compute(engine, layer, layer.x, layer.weight, layer.bias)),
      scale_(compute(engine, layer, absolute(layer.x), absolute(layer.weight), absolute(layer.bias))) {
  const LayerSpec& spec = layer.spec;
  const std::int64_t phases = std::max<std::int64_t>(1, spec.stride / std::gcd(spec.stride, spec.dilation));
  const std::int64_t taps = spec.kernel_size / phases + 1;  // at most, of one phase
  tolerance_ = 8 * std::sqrt(static_cast<double>(spec.in_channels_per_group() * taps + 2)) * 0x1p-24;
  if (dtype_ == DType::bfloat16) tolerance_ += 0x1p-8;
  if (dtype_ == DType::float16) tolerance_ += 0x1p-11;
  if (spec.math == Math::fast) tolerance_ += 1e-5;
}

double Judge::error(std::span<const std::byte> y) const {
  return with_element(dtype_, [&](auto element) {
    double worst = 0;
    for (std::size_t i = 0; i < y_.size(); ++i) {
      std::memcpy(&element, y.data() + i * sizeof element, sizeof element);
      const double difference = std::abs(static_cast<double>(static_cast<float>(element)) - static_cast<double>(y_[i]));
      if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
      if (difference != 0) worst = std::max(worst, difference / static_cast<double>(scale_[i]));
    }
    return worst;
  });
}

}  // namespace unstride::bench
