// The main job: a recording through the Fourier transform and back through the compiled layer.
#pragma once

#include <filesystem>
#include <unstride/unstride.hpp>

namespace demo {

/// Prints what it does and measures, writes the synthesised WAV file and the picture of both spectrograms into
/// `output`. Returns whether the signal-to-noise ratio is good enough.
bool speech_round_trip(const unstride::Engine& engine, const std::filesystem::path& recording_path,
                       const std::filesystem::path& output);

}  // namespace demo
