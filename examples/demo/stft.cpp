#include "stft.h"

#include <fftw3.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <stdexcept>

namespace demo {
namespace {

// Sample `index` of the signal, continued beyond its ends by reflection without repeating the end itself.
double reflected(std::span<const double> signal, std::int64_t index) {
  const std::int64_t last = std::ssize(signal) - 1;
  if (index < 0) index = -index;
  if (index > last) index = 2 * last - index;
  return signal[index];
}

// One real Fourier transform with its buffers.
class RealFft {
 public:
  explicit RealFft(std::int64_t size)
      : input_(fftw_alloc_real(size)),
        output_(fftw_alloc_complex(size / 2 + 1)),
        plan_(fftw_plan_dft_r2c_1d(static_cast<int>(size), input_.get(), output_.get(), FFTW_ESTIMATE)) {}

  double* input() { return input_.get(); }
  void run() { fftw_execute(plan_.get()); }
  std::complex<double> output(std::int64_t bin) const { return {output_[bin][0], output_[bin][1]}; }

 private:
  struct Free {
    void operator()(void* memory) const { fftw_free(memory); }
    void operator()(fftw_plan plan) const { fftw_destroy_plan(plan); }
  };
  std::unique_ptr<double[], Free> input_;
  std::unique_ptr<fftw_complex[], Free> output_;
  std::unique_ptr<std::remove_pointer_t<fftw_plan>, Free> plan_;
};

}  // namespace

std::vector<double> hann_window(std::int64_t size) {
  std::vector<double> window(size);
  for (std::int64_t n = 0; n < size; ++n) {
    window[n] = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(n) / static_cast<double>(size));
  }
  return window;
}

Spectrum stft(std::span<const double> signal, StftSize size) {
  if (std::ssize(signal) <= size.n_fft / 2) throw std::invalid_argument("the recording is shorter than one window");

  Spectrum spectrum{.size = size, .frames = 1 + std::ssize(signal) / size.hop, .values = {}};
  spectrum.values.resize(size.bins() * spectrum.frames);
  const std::vector<double> window = hann_window(size.n_fft);
  RealFft fft(size.n_fft);
  for (std::int64_t frame = 0; frame < spectrum.frames; ++frame) {
    const std::int64_t start = frame * size.hop - size.n_fft / 2;
    for (std::int64_t n = 0; n < size.n_fft; ++n) fft.input()[n] = window[n] * reflected(signal, start + n);
    fft.run();
    for (std::int64_t bin = 0; bin < size.bins(); ++bin) {
      spectrum.values[bin * spectrum.frames + frame] = fft.output(bin);
    }
  }
  return spectrum;
}

}  // namespace demo
