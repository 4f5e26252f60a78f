// Sound files, read and written with libsndfile.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

namespace demo {

struct Recording {
  std::vector<double> samples;  ///< in [-1, 1]; several channels are averaged into one
  int sample_rate = 0;

  double seconds() const { return static_cast<double>(samples.size()) / sample_rate; }
};

Recording read_recording(const std::filesystem::path& path);

/// One channel of 32-bit floats, so that the file is as exact as the samples.
void write_wav(const std::filesystem::path& path, std::span<const float> samples, int sample_rate);

}  // namespace demo
