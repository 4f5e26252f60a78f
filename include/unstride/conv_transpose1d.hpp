// A module in the manner of the deep-learning frameworks: a layer that owns its weights.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "unstride/engine.hpp"

namespace unstride {

/// ConvTranspose1d with weights. Weight and bias start as U(-sqrt(k), sqrt(k)),
/// k = groups / (out_channels * kernel_size), the same numbers for the same seed on every machine.
template <typename T>
class UNSTRIDE_API ConvTranspose1d {
 public:
  struct Output {
    std::vector<T> data;  ///< (batch, out_channels, length)
    std::int64_t length = 0;
  };

  struct CallOptions {
    std::int64_t batch = 1;
    std::optional<std::int64_t> output_size = {};  ///< decides output_padding, where given
  };

  /// T is float, double, Float16 or BFloat16 and must match spec.dtype.
  ConvTranspose1d(const Engine& engine, LayerSpec spec, std::uint64_t seed = 0);

  /// x: (batch, in_channels, L). An unbatched input (in_channels, L) is a batch of one. L follows from the size of x.
  Output operator()(std::span<const T> x, const CallOptions& options = {}) const;

  void set_parameters(std::vector<T> weight, std::vector<T> bias = {});
  const std::vector<T>& weight() const noexcept { return weight_; }
  const std::vector<T>& bias() const noexcept { return bias_; }
  const LayerSpec& spec() const noexcept { return kernel_.spec(); }
  const Kernel& kernel() const noexcept { return kernel_; }

 private:
  Engine engine_;
  Kernel kernel_;
  std::vector<T> weight_, bias_;
  PackedWeights packed_;
};

extern template class ConvTranspose1d<float>;
extern template class ConvTranspose1d<double>;
extern template class ConvTranspose1d<Float16>;
extern template class ConvTranspose1d<BFloat16>;

/// The initial parameters alone: weight_count() weights, then out_channels biases if spec.bias.
template <typename T>
UNSTRIDE_API std::vector<T> initial_parameters(const LayerSpec& spec, std::uint64_t seed);

}  // namespace unstride
