#include "spectrogram.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "caption.h"
#include "stft.h"

namespace demo {
namespace {

constexpr std::int64_t panel_columns = 1200;
constexpr std::int64_t window_size = 1024;
constexpr std::int64_t margin = 24;
constexpr double dynamic_range_db = 100;

// Ten evenly spaced colours of matplotlib's "magma" (public domain): lightness grows evenly with the level.
constexpr std::array<Rgb, 10> magma = {{{0x00, 0x00, 0x04},
                                        {0x18, 0x0f, 0x3e},
                                        {0x45, 0x10, 0x77},
                                        {0x72, 0x1f, 0x81},
                                        {0x9f, 0x2f, 0x7f},
                                        {0xcd, 0x40, 0x71},
                                        {0xf1, 0x60, 0x5d},
                                        {0xfd, 0x95, 0x67},
                                        {0xfe, 0xc9, 0x8d},
                                        {0xfc, 0xfd, 0xbf}}};

// level in [0, 1]
Rgb colour(double level) {
  const double position = level * (magma.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(position), magma.size() - 2);
  const double share = position - static_cast<double>(below);
  const auto mix = [share](int a, int b) { return static_cast<std::uint8_t>(std::lround(a + share * (b - a))); };
  const Rgb a = magma[below], b = magma[below + 1];
  return {mix(a.r, b.r), mix(a.g, b.g), mix(a.b, b.b)};
}

double peak(const Spectrum& spectrum) {
  double largest = 0;
  for (const auto& value : spectrum.values) largest = std::max(largest, std::abs(value));
  return largest;
}

void draw_panel(Image& image, std::int64_t top, const Spectrum& spectrum, double full_scale) {
  for (std::int64_t bin = 0; bin < spectrum.size.bins(); ++bin) {
    for (std::int64_t frame = 0; frame < spectrum.frames; ++frame) {
      const double magnitude = std::abs(spectrum.values[bin * spectrum.frames + frame]);
      const double db = 20 * std::log10(magnitude / full_scale);  // -infinity for silence
      const double level = std::clamp(1 + db / dynamic_range_db, 0.0, 1.0);
      image.at(margin + frame, top + spectrum.size.bins() - 1 - bin) = colour(level);
    }
  }
}

}  // namespace

Image draw_spectrograms(std::span<const double> before, std::span<const double> after) {
  const auto longest = static_cast<std::int64_t>(std::max(before.size(), after.size()));
  const StftSize size{.n_fft = window_size, .hop = std::max<std::int64_t>(1, longest / panel_columns)};
  const Spectrum upper = stft(before, size), lower = stft(after, size);
  const double full_scale = std::max({peak(upper), peak(lower), 1e-30});

  const std::int64_t caption_space = caption_height + margin / 2;
  const std::int64_t panel_space = caption_space + size.bins() + margin;
  Image image(std::max(upper.frames, lower.frames) + 2 * margin, margin + 2 * panel_space);
  draw_caption(image, margin, margin, "BEFORE");
  draw_panel(image, margin + caption_space, upper, full_scale);
  draw_caption(image, margin, margin + panel_space, "AFTER");
  draw_panel(image, margin + panel_space + caption_space, lower, full_scale);
  return image;
}

}  // namespace demo
