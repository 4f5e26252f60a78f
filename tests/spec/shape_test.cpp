#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "spec_testing.h"

namespace unstride {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

// The oracle scatters every tap of every input, as the operator is defined, and counts what is left after cropping.
std::int64_t scattered_length(const LayerSpec& s, std::int64_t input_length) {
  std::vector<bool> reached;
  for (std::int64_t i = 0; i < input_length; ++i) {
    for (std::int64_t j = 0; j < s.kernel_size; ++j) {
      const auto o = static_cast<std::size_t>(i * s.stride + j * s.dilation);
      reached.resize(std::max(reached.size(), o + 1));
      reached[o] = true;
    }
  }
  return std::ssize(reached) + s.output_padding - 2 * s.padding - s.trim[0] - s.trim[1];
}

TEST(OutputLength, IsWhatScatteringReaches) {
  int positive = 0, refused = 0;
  for (std::int64_t kernel_size : {1, 2, 3, 5})
    for (std::int64_t stride : {1, 2, 3})
      for (std::int64_t dilation : {1, 2, 3})
        for (std::int64_t padding : {0, 1, 4})
          for (std::int64_t output_padding = 0; output_padding < std::max(stride, dilation); ++output_padding)
            for (std::int64_t trim : {0, 3})
              for (std::int64_t input_length : {1, 2, 5}) {
                LayerSpec spec = small_layer();
                spec.kernel_size = kernel_size, spec.stride = stride, spec.dilation = dilation;
                spec.padding = padding, spec.output_padding = output_padding, spec.trim = {0, trim};
                const std::int64_t expected = scattered_length(spec, input_length);
                SCOPED_TRACE(to_json(spec) + " for length " + std::to_string(input_length));
                if (expected > 0) {
                  ++positive;
                  EXPECT_EQ(output_length(spec, input_length), expected);
                } else {
                  ++refused;
                  EXPECT_THROW(output_length(spec, input_length), SpecError);
                }
              }
  EXPECT_GT(positive, 100);
  EXPECT_GT(refused, 100);
}

struct KnownLength {
  const char* layer;
  std::int64_t kernel_size, stride, padding, output_padding, dilation;
  std::array<std::int64_t, 2> trim;
  std::int64_t input_length, output_length;
};

TEST(OutputLength, OfKnownLayers) {
  constexpr KnownLength cases[] = {
      {"HiFi-GAN ups.0: times 8", 16, 8, 4, 0, 1, {0, 0}, 32, 256},
      {"odd stride with output padding: times 5", 10, 5, 3, 1, 1, {0, 0}, 7, 35},
      {"causal codec, right end cropped: times 4", 8, 4, 0, 0, 1, {0, 4}, 10, 40},
      {"iSTFT of 1024 by 256", 1024, 256, 512, 0, 1, {0, 0}, 101, 25600},
      {"dilated", 3, 2, 0, 2, 3, {1, 1}, 4, 13},
  };
  for (const KnownLength& c : cases) {
    LayerSpec spec = small_layer();
    spec.kernel_size = c.kernel_size, spec.stride = c.stride, spec.padding = c.padding;
    spec.output_padding = c.output_padding, spec.dilation = c.dilation, spec.trim = c.trim;
    EXPECT_EQ(output_length(spec, c.input_length), c.output_length) << c.layer;
  }
}

TEST(OutputLength, RefusesAnEmptyInput) {
  for (const std::int64_t length : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    expect_refused([&] { output_length(small_layer(), length); },
                   {"input_length", std::to_string(length), "must be at least 1"});
  }
}

TEST(OutputLength, RefusesALayerThatBreaksARule) {
  LayerSpec spec = small_layer();
  spec.stride = 0;
  expect_refused([&] { output_length(spec, 5); }, {"spec.stride", "0", "must be at least 1"});
}

TEST(OutputLength, TellsTheComputedLengthAndTheShortestInputThatDoes) {
  LayerSpec spec = small_layer();  // L_out = 4 * (L - 1) + 3 - 18
  spec.stride = 4, spec.padding = 9;
  expect_refused(
      [&] { output_length(spec, 1); },
      {"input_length", "1", "must be at least 5. Calculated output size per channel: (-15). Output size is too small"});
  expect_refused(
      [&] { output_length(spec, 4); },
      {"input_length", "4", "must be at least 5. Calculated output size per channel: (-3). Output size is too small"});
  EXPECT_EQ(output_length(spec, 5), 1);

  spec.trim = {1, 0};  // now exactly 0 at length 5
  expect_refused(
      [&] { output_length(spec, 5); },
      {"input_length", "5", "must be at least 6. Calculated output size per channel: (0). Output size is too small"});
}

TEST(OutputLength, SaysSoWhenNoInputIsLongEnough) {
  LayerSpec spec = small_layer();
  spec.padding = largest;
  expect_refused([&] { output_length(spec, largest); },
                 {"input_length", "9223372036854775807",
                  "no 64-bit length is enough for this layer. Calculated output size per channel: "
                  "(-9223372036854775805). Output size is too small"});
}

TEST(OutputLength, IsNotRefusedForItsIntermediateTerms) {
  constexpr std::int64_t quarter = std::int64_t{1} << 61;
  LayerSpec spec = small_layer();
  spec.kernel_size = 1, spec.stride = 2 * quarter, spec.padding = quarter;
  // (3 - 1) * 2^62 = 2^63 does not fit; 2^63 - 2 * 2^61 + 1 does.
  EXPECT_EQ(output_length(spec, 3), 2 * quarter + 1);
  // Nor does 2 * padding = 2^63 fit; 3 * 2^62 - 2^63 + 1 does.
  spec.padding = 2 * quarter;
  EXPECT_EQ(output_length(spec, 4), 2 * quarter + 1);
}

TEST(OutputLength, MayBeTheLargestInteger) {
  LayerSpec spec = small_layer();
  spec.kernel_size = 1;
  EXPECT_EQ(output_length(spec, largest), largest);
  spec.kernel_size = 2;
  expect_refused([&] { output_length(spec, largest); },
                 {"input_length", "9223372036854775807",
                  "must be at most 9223372036854775806. Calculated output size per channel: (9223372036854775808). "
                  "Output size does not fit 64 bits"});
  EXPECT_EQ(output_length(spec, largest - 1), largest);
}

TEST(OutputLength, TellsTheLongestInputThatFits) {
  LayerSpec spec = small_layer();  // L_out = 2 * L
  spec.kernel_size = 2, spec.stride = 2;
  const std::int64_t beyond = largest / 2 + 1;
  expect_refused([&] { output_length(spec, beyond); },
                 {"input_length", "4611686018427387904",
                  "must be at most 4611686018427387903. Calculated output size per channel: (9223372036854775808). "
                  "Output size does not fit 64 bits"});
  EXPECT_EQ(output_length(spec, beyond - 1), largest - 1);
}

TEST(OutputLength, SaysSoWhenNoInputIsShortEnough) {
  LayerSpec spec = small_layer();
  spec.kernel_size = 2, spec.dilation = largest;
  expect_refused([&] { output_length(spec, 1); },
                 {"input_length", "1",
                  "no length is short enough for this layer. Calculated output size per channel: "
                  "(9223372036854775808). Output size does not fit 64 bits"});
}

TEST(OutputLength, OfTheMostExtremeLayersStaysIn128Bits) {
  LayerSpec spec = small_layer();
  spec.kernel_size = 2, spec.dilation = largest, spec.stride = largest, spec.output_padding = largest - 1;
  EXPECT_THROW(output_length(spec, largest), SpecError);
  spec.padding = largest, spec.trim = {largest, largest};
  EXPECT_THROW(output_length(spec, largest), SpecError);
  EXPECT_THROW(output_length(spec, 1), SpecError);
}

TEST(WithOutputSize, ReachesEverySizeOfItsRangeAndNoOther) {
  for (const auto& [stride, dilation] : {std::pair{1, 1}, {8, 1}, {3, 5}, {5, 3}}) {
    LayerSpec spec = small_layer();
    spec.stride = stride, spec.dilation = dilation;
    const std::int64_t shortest = output_length(spec, 4);
    const std::int64_t longest = shortest + std::max(stride, dilation) - 1;
    for (std::int64_t size = shortest; size <= longest; ++size) {
      const LayerSpec resolved = with_output_size(spec, 4, size);
      EXPECT_EQ(output_length(resolved, 4), size);
      LayerSpec expected = spec;
      expected.output_padding = size - shortest;
      EXPECT_EQ(resolved, expected);
    }
    for (const std::int64_t size : {shortest - 1, longest + 1, std::int64_t{0}, std::int64_t{-1}, largest}) {
      expect_refused([&] { with_output_size(spec, 4, size); },
                     {"output_size", std::to_string(size),
                      "valid sizes range from " + std::to_string(shortest) + " to " + std::to_string(longest) +
                          " (for an input of 4)"});
    }
  }
}

TEST(WithOutputSize, IgnoresTheOutputPaddingOfTheSpec) {
  LayerSpec spec = small_layer();
  spec.stride = 2;
  const LayerSpec resolved = with_output_size(spec, 4, 10);
  for (const std::int64_t padding : {-5, 0, 1, 2, 99}) {
    spec.output_padding = padding;
    EXPECT_EQ(with_output_size(spec, 4, 10), resolved);
  }
}

TEST(WithOutputSize, NamesOnlySizesThatALayerCanHave) {
  LayerSpec spec = small_layer();  // 3 - 4 = -1 without output padding, up to 6 with it
  spec.stride = 8, spec.padding = 2;
  EXPECT_EQ(output_length(with_output_size(spec, 1, 1), 1), 1);
  EXPECT_EQ(output_length(with_output_size(spec, 1, 6), 1), 6);
  expect_refused([&] { with_output_size(spec, 1, 0); },
                 {"output_size", "0", "valid sizes range from 1 to 6 (for an input of 1)"});
  expect_refused([&] { with_output_size(spec, 1, -1); },
                 {"output_size", "-1", "valid sizes range from 1 to 6 (for an input of 1)"});

  spec = small_layer();
  spec.kernel_size = 1, spec.dilation = 4;  // one position short of the largest integer: its range ends there
  EXPECT_EQ(output_length(with_output_size(spec, largest - 1, largest), largest - 1), largest);
  expect_refused([&] { with_output_size(spec, largest - 1, 1); },
                 {"output_size", "1",
                  "valid sizes range from 9223372036854775806 to 9223372036854775807 (for an input of "
                  "9223372036854775806)"});
}

TEST(WithOutputSize, RefusesAnInputThatAllowsNoSize) {
  expect_refused([] { with_output_size(small_layer(), 0, 3); }, {"input_length", "0", "must be at least 1"});

  LayerSpec short_of_one = small_layer();  // 4 * (L - 1) + 3 - 18 + at most 3
  short_of_one.stride = 4, short_of_one.padding = 9;
  expect_refused(
      [&] { with_output_size(short_of_one, 1, 4); },
      {"input_length", "1", "must be at least 5. Calculated output size per channel: (-12). Output size is too small"});
  EXPECT_EQ(output_length(with_output_size(short_of_one, 5, 4), 5), 4);

  LayerSpec beyond = small_layer();
  beyond.kernel_size = 2;
  expect_refused([&] { with_output_size(beyond, largest, 4); },
                 {"input_length", "9223372036854775807",
                  "must be at most 9223372036854775806. Calculated output size per channel: (9223372036854775808). "
                  "Output size does not fit 64 bits"});
}

TEST(WithOutputSize, RefusesALayerThatBreaksARule) {
  LayerSpec spec = small_layer();
  spec.stride = 0;
  expect_refused([&] { with_output_size(spec, 4, 10); }, {"spec.stride", "0", "must be at least 1"});
}

}  // namespace
}  // namespace unstride
