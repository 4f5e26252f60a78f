// unstride_demo: speech through a compiled inverse Fourier transform, then a table of the layers of published models.
// Exits with 0 when all is as it should be, 1 when something failed or did not verify, 2 for wrong usage.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <unstride/unstride.hpp>

#include "layer_table.h"
#include "round_trip.h"

int main(int argc, char** argv) {
  std::filesystem::path recording, corpus, output = "out";
  CLI::App app("Speech through a compiled inverse Fourier transform, then the layers of published models.");
  app.add_option("recording", recording, "a sound file")->required()->check(CLI::ExistingFile);
  app.add_option("--layers", corpus, "the corpus, data/layers.json; without it there is no table");
  app.add_option("--output", output, "folder for the WAV file and the picture")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    constexpr int wrong_usage = 2;
    return app.exit(error) == 0 ? 0 : wrong_usage;
  }

  try {
    std::filesystem::create_directories(output);
    // Shows what compiling costs, also when the demo has run before.
    const unstride::Engine engine({.cache = {.mode = unstride::CacheMode::off}});
    bool good = demo::speech_round_trip(engine, recording, output);
    if (!corpus.empty()) good = demo::layer_table(engine, corpus) && good;
    fmt::print("\nThe synthesised speech is in {}, the spectrograms before and after in {}.\n",
               (output / "synthesised.wav").string(), (output / "spectrograms.png").string());
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
