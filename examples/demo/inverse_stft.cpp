#include "inverse_stft.h"

#include <cmath>
#include <numbers>

namespace demo {
namespace {

// sum over t of v[n - t*hop]^2, without the first and last n_fft/2 positions.
std::vector<float> trimmed_window_sum(StftSize size, std::int64_t frames) {
  const std::vector<double> window = hann_window(size.n_fft);
  std::vector<double> sum((frames - 1) * size.hop + size.n_fft);
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    for (std::int64_t n = 0; n < size.n_fft; ++n) sum[frame * size.hop + n] += window[n] * window[n];
  }
  return {sum.begin() + size.n_fft / 2, sum.end() - size.n_fft / 2};
}

}  // namespace

unstride::LayerSpec inverse_stft_spec(StftSize size) {
  unstride::LayerSpec spec;
  spec.in_channels = 2 * size.bins();
  spec.out_channels = 1;
  spec.kernel_size = size.n_fft;
  spec.stride = size.hop;
  spec.bias = false;
  spec.trim = {size.n_fft / 2, size.n_fft / 2};
  return spec;
}

std::vector<float> inverse_stft_weights(StftSize size) {
  const std::vector<double> window = hann_window(size.n_fft);
  std::vector<float> weights(2 * size.bins() * size.n_fft);
  for (std::int64_t k = 0; k < size.bins(); ++k) {
    const double c = (k == 0 || 2 * k == size.n_fft) ? 1 : 2;
    for (std::int64_t n = 0; n < size.n_fft; ++n) {
      // The angle is periodic in k*n: reduced first, it keeps all its digits.
      const double turns = static_cast<double>(k * n % size.n_fft) / static_cast<double>(size.n_fft);
      const double angle = 2 * std::numbers::pi * turns;
      const double factor = c * window[n] / static_cast<double>(size.n_fft);
      weights[k * size.n_fft + n] = static_cast<float>(factor * std::cos(angle));
      weights[(size.bins() + k) * size.n_fft + n] = static_cast<float>(-factor * std::sin(angle));
    }
  }
  return weights;
}

std::vector<float> to_channels(const Spectrum& spectrum) {
  std::vector<float> channels;
  channels.reserve(2 * spectrum.values.size());
  for (const auto& value : spectrum.values) channels.push_back(static_cast<float>(value.real()));
  for (const auto& value : spectrum.values) channels.push_back(static_cast<float>(value.imag()));
  return channels;
}

InverseStft::InverseStft(const unstride::Engine& engine, StftSize size, std::int64_t frames)
    : kernel_(engine.compile(inverse_stft_spec(size))),
      weights_(kernel_.pack(inverse_stft_weights(size))),
      frames_(frames),
      window_sum_(trimmed_window_sum(size, frames)) {}

void InverseStft::run(std::span<const float> channels, std::span<float> signal) const {
  kernel_.run(channels, weights_, signal, {.length = frames_});
  for (std::size_t n = 0; n < signal.size(); ++n) signal[n] /= window_sum_[n];
}

}  // namespace demo
