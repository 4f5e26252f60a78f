#include "bench/judge.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bench/peers/contender.h"

namespace unstride::bench {

namespace {

void make_absolute(std::vector<float>& values) {
  for (float& value : values) value = std::abs(value);
}

std::vector<float> compute(const Engine& engine, const Case& layer) {
  std::vector<float> y(static_cast<std::size_t>(layer.output_count()));
  make_unstride(engine, layer, engine.threads())->run(layer.x.data(), y.data());
  return y;
}

}  // namespace

Judge::Judge(const Engine& engine, const Case& layer) : y_(compute(engine, layer)) {
  Case absolute = layer;
  make_absolute(absolute.x);
  make_absolute(absolute.weight);
  make_absolute(absolute.bias);
  scale_ = compute(engine, absolute);

  const LayerSpec& spec = layer.spec;
  const std::int64_t phases = std::max<std::int64_t>(1, spec.stride / std::gcd(spec.stride, spec.dilation));
  const std::int64_t taps = spec.kernel_size / phases + 1;  // at most, of one phase
  tolerance_ = 8 * std::sqrt(static_cast<double>(spec.in_channels_per_group() * taps + 2)) * 0x1p-24;
}

double Judge::error(std::span<const float> y) const {
  double worst = 0;
  for (std::size_t i = 0; i < y_.size(); ++i) {
    const double difference = std::abs(static_cast<double>(y[i]) - static_cast<double>(y_[i]));
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    if (difference != 0) worst = std::max(worst, difference / static_cast<double>(scale_[i]));
  }
  return worst;
}

}  // namespace unstride::bench
