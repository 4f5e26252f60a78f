#include "recording.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace demo {
namespace {

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using File = std::unique_ptr<SNDFILE, Close>;

File open(const std::filesystem::path& path, int mode, SF_INFO& info) {
  File file(sf_open(path.c_str(), mode, &info));
  if (!file) throw std::runtime_error(fmt::format("{}: {}", path.string(), sf_strerror(nullptr)));
  return file;
}

}  // namespace

Recording read_recording(const std::filesystem::path& path) {
  SF_INFO info{};
  const File file = open(path, SFM_READ, info);
  std::vector<double> interleaved(info.frames * info.channels);
  const sf_count_t read = sf_readf_double(file.get(), interleaved.data(), info.frames);

  Recording recording{.samples = std::vector<double>(read), .sample_rate = info.samplerate};
  for (std::int64_t n = 0; n < read; ++n) {
    for (int c = 0; c < info.channels; ++c) recording.samples[n] += interleaved[n * info.channels + c] / info.channels;
  }
  return recording;
}

void write_wav(const std::filesystem::path& path, std::span<const float> samples, int sample_rate) {
  SF_INFO info{};
  info.samplerate = sample_rate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT;
  const File file = open(path, SFM_WRITE, info);
  if (sf_writef_float(file.get(), samples.data(), std::ssize(samples)) != std::ssize(samples)) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), sf_strerror(file.get())));
  }
}

}  // namespace demo
