// The short-time Fourier transform in double precision, framed as librosa.stft and torch.stft(center=True) do: the
// signal is reflected at both ends by n_fft/2, so that frame t is centred on sample t*hop.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

namespace demo {

struct StftSize {
  std::int64_t n_fft = 1024;
  std::int64_t hop = 256;

  std::int64_t bins() const { return n_fft / 2 + 1; }
};

struct Spectrum {
  StftSize size;
  std::int64_t frames = 0;
  std::vector<std::complex<double>> values;  ///< (bins, frames)
};

/// 0.5 - 0.5 cos(2 pi n / size), the periodic Hann window.
std::vector<double> hann_window(std::int64_t size);

/// 1 + samples/hop frames. The signal must have more than n_fft/2 samples.
Spectrum stft(std::span<const double> signal, StftSize size);

}  // namespace demo
