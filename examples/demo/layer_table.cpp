#include "layer_table.h"

#include <fmt/format.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "timing.h"
#include "tools/support/corpus.h"
#include "tools/support/oracle.h"
#include "tools/support/progress.h"
#include "tools/support/random_data.h"

namespace demo {
namespace {

using unstride::LayerSpec;
using unstride::tools::CorpusLayer;

constexpr std::int64_t max_multiplications = 100'000'000;  // for verifying one layer; larger ones are sampled
constexpr std::uint64_t seed = 1;

struct Row {
  std::int64_t length = 0;
  double compile_ms = 0;
  double median_ms = 0;
  double gflops = 0;
  unstride::tools::Verification verification;
};

// The middle one of the lengths in use; of two, the shorter.
std::int64_t typical_length(const CorpusLayer& layer) {
  return layer.lengths[(layer.lengths.size() - 1) / 2];
}

// Multiplications and additions, those with the zeros beyond the ends of the input included.
double flops(const LayerSpec& spec, std::int64_t length) {
  return 2.0 * static_cast<double>(length) * static_cast<double>(spec.weight_count());
}

Row measure(const unstride::Engine& engine, const CorpusLayer& layer) {
  const LayerSpec& spec = layer.spec;
  const std::int64_t length = typical_length(layer);
  const unstride::Kernel kernel = engine.compile(spec);

  const std::vector<float> parameters = unstride::initial_parameters<float>(spec, seed);
  const std::span<const float> w(parameters.data(), spec.weight_count());
  const std::span<const float> b(parameters.begin() + spec.weight_count(), parameters.end());
  const std::vector<float> x = unstride::tools::random_values<float>(spec.in_channels * length, seed);
  std::vector<float> y(spec.out_channels * kernel.output_length(length));
  const unstride::PackedWeights weights = kernel.pack(w, b);
  const double seconds = median_seconds([&] { kernel.run(x, weights, y, {.length = length}); });

  const unstride::tools::Problem<float> problem{.spec = spec, .batch = 1, .length = length, .x = x, .w = w, .b = b};
  return {.length = length,
          .compile_ms = kernel.info().compile_ms,
          .median_ms = seconds * 1e3,
          .gflops = flops(spec, length) / seconds * 1e-9,
          .verification = unstride::tools::verify<float>(problem, y, max_multiplications)};
}

std::string shortened(std::string_view text, std::size_t width) {
  if (text.size() <= width) return std::string(text);
  return fmt::format("{}...", text.substr(0, width - 3));
}

// "512->256 k16 s8", with the dilation and groups of layers that have them.
std::string shape(const LayerSpec& spec) {
  std::string text = fmt::format("{}->{} k{} s{}", spec.in_channels, spec.out_channels, spec.kernel_size, spec.stride);
  if (spec.dilation != 1) text += fmt::format(" d{}", spec.dilation);
  if (spec.groups != 1) text += fmt::format(" g{}", spec.groups);
  return text;
}

void print_header() {
  fmt::print("{:<28} {:<20} {:<24} {:>6} {:>10} {:>9} {:>8} {:>9}  {}\n", "model", "layer", "shape (in->out k s)", "L",
             "compile ms", "median ms", "GFLOP/s", "max error", "verified");
}

void print_row(const CorpusLayer& layer, const Row& row) {
  fmt::print("{:<28} {:<20} {:<24} {:>6} {:>10.1f} {:>9.3f} {:>8.1f} {:>9.1e}  {}\n", shortened(layer.model, 28),
             shortened(layer.layer, 20), shape(layer.spec), row.length, row.compile_ms, row.median_ms, row.gflops,
             row.verification.max_rel_error, row.verification.verified ? "yes" : "NO");
  if (!row.verification.verified) fmt::print("    {}\n", row.verification.first_failure);
  std::fflush(stdout);
}

}  // namespace

bool layer_table(const unstride::Engine& engine, const std::filesystem::path& corpus) {
  std::vector<CorpusLayer> layers = unstride::tools::read_corpus(corpus);
  std::erase_if(layers, [](const CorpusLayer& layer) { return !layer.headline; });

  fmt::print("\n{} layers of published models, float32, batch 1, {} threads. Errors are relative to sum |x||w|.\n\n",
             layers.size(), engine.threads());
  print_header();
  unstride::tools::Progress progress("layers", std::ssize(layers));
  bool all_verified = true;
  for (std::int64_t done = 0; done < std::ssize(layers); ++done) {
    progress.update(done, layers[done].name());
    const Row row = measure(engine, layers[done]);
    progress.finish();  // Erases the bar, so that the row takes its line.
    print_row(layers[done], row);
    all_verified = all_verified && row.verification.verified;
  }
  return all_verified;
}

}  // namespace demo
