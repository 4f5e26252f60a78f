// The inverse short-time Fourier transform as one transposed convolution, the form in which vocoders and source
// separators export it.
//
// The inverse real DFT of frame t, weighted by the window v again, is
//
//     z_t[n] = v[n]/N * sum over k of c_k * (Re X[k,t] cos(2 pi k n/N) - Im X[k,t] sin(2 pi k n/N))
//
// with N = n_fft and c_k = 1 for k = 0 and k = N/2, else 2. Overlap-add places z_t at t*hop, and the least-squares
// signal is y[n] = sum_t z_t[n - t*hop] / sum_t v[n - t*hop]^2 (Griffin and Lim, Signal estimation from modified
// short-time Fourier transform, 1984, equation 6). The overlap-add is a transposed convolution with stride hop whose
// input channels are the real parts, then the imaginary parts, and whose weights are the factors of X above.
#pragma once

#include <cstdint>
#include <span>
#include <unstride/unstride.hpp>
#include <vector>

#include "stft.h"

namespace demo {

/// 2*bins channels in, 1 out, kernel n_fft, stride hop, no bias, trimmed by n_fft/2 at both ends.
unstride::LayerSpec inverse_stft_spec(StftSize size);

/// (2*bins, 1, n_fft)
std::vector<float> inverse_stft_weights(StftSize size);

/// The spectrum as the layer's input (2*bins, frames): the real parts, then the imaginary parts.
std::vector<float> to_channels(const Spectrum& spectrum);

/// The compiled layer, with the division by the window sum, for signals of one length.
class InverseStft {
 public:
  InverseStft(const unstride::Engine& engine, StftSize size, std::int64_t frames);

  std::int64_t samples() const { return std::ssize(window_sum_); }
  const unstride::Kernel& kernel() const { return kernel_; }

  /// channels (2*bins, frames) to signal (samples).
  void run(std::span<const float> channels, std::span<float> signal) const;

 private:
  unstride::Kernel kernel_;
  unstride::PackedWeights weights_;
  std::int64_t frames_;
  std::vector<float> window_sum_;
};

}  // namespace demo
