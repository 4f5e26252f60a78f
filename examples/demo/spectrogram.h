// The picture of the demo: the spectrogram of one signal above that of another, on one scale.
#pragma once

#include <span>

#include "image.h"

namespace demo {

/// Time runs to the right, frequency upwards; colours span 100 dB below the louder signal's peak.
Image draw_spectrograms(std::span<const double> before, std::span<const double> after);

}  // namespace demo
