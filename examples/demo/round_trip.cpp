#include "round_trip.h"

#include <fmt/format.h>

#include <cmath>
#include <span>
#include <vector>

#include "inverse_stft.h"
#include "recording.h"
#include "spectrogram.h"
#include "stft.h"
#include "timing.h"

namespace demo {
namespace {

constexpr double required_snr_db = 100;

struct Range {
  std::int64_t begin, end;
};

// The samples under a full set of n_fft/hop frames; nearer to the ends some frames are missing.
Range fully_covered(StftSize size, std::int64_t frames) {
  return {size.n_fft / 2 - size.hop, frames * size.hop - size.n_fft / 2};
}

// 10 log10(energy of the signal / energy of the difference)
double snr_db(std::span<const double> signal, std::span<const double> synthesised, Range range) {
  double energy = 0, error = 0;
  for (std::int64_t n = range.begin; n < range.end; ++n) {
    energy += signal[n] * signal[n];
    error += (signal[n] - synthesised[n]) * (signal[n] - synthesised[n]);
  }
  return 10 * std::log10(energy / error);
}

}  // namespace

bool speech_round_trip(const unstride::Engine& engine, const std::filesystem::path& recording_path,
                       const std::filesystem::path& output) {
  const Recording recording = read_recording(recording_path);
  fmt::print("recording   {}: {:.2f} s at {} Hz\n", recording_path.string(), recording.seconds(),
             recording.sample_rate);

  const StftSize size;
  const Spectrum spectrum = stft(recording.samples, size);
  fmt::print("analysis    Fourier transform, {} samples every {}, Hann: {} bins x {} frames\n", size.n_fft, size.hop,
             size.bins(), spectrum.frames);

  const InverseStft layer(engine, size, spectrum.frames);
  const unstride::LayerSpec& spec = layer.kernel().spec();
  const unstride::CompileInfo& compiled = layer.kernel().info();
  fmt::print("synthesis   conv_transpose1d {} -> {}, kernel {}, stride {}, trim {} and {}, on {}\n", spec.in_channels,
             spec.out_channels, spec.kernel_size, spec.stride, spec.trim[0], spec.trim[1], compiled.target);
  fmt::print("compile     {:.1f} ms, load {:.1f} ms\n", compiled.compile_ms, compiled.load_ms);

  const std::vector<float> channels = to_channels(spectrum);
  std::vector<float> synthesised(layer.samples());
  const double run_seconds = median_seconds([&] { layer.run(channels, synthesised); });
  fmt::print("run         {:.3f} ms: {:.0f} times real time\n", run_seconds * 1e3, recording.seconds() / run_seconds);

  const std::vector<double> result(synthesised.begin(), synthesised.end());
  const Range range = fully_covered(size, spectrum.frames);
  const double snr = snr_db(recording.samples, result, range);
  const bool good = snr >= required_snr_db;
  fmt::print("SNR         {:.1f} dB over {} samples, at least {:.0f} required: {}\n", snr, range.end - range.begin,
             required_snr_db, good ? "ok" : "FAILED");

  write_wav(output / "synthesised.wav", synthesised, recording.sample_rate);
  const std::span<const double> original(recording.samples.data(), result.size());
  draw_spectrograms(original, result).write_png(output / "spectrograms.png");
  return good;
}

}  // namespace demo
