// What a call may touch: x where there are rows, y where there are rows, nothing between them and nothing around them.
// That nothing is touched past either end is checked everywhere, by the guard pages of kernel_testing.h.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

constexpr float untouched = 12345.0f;

std::vector<LayerSpec> layers() {
  std::vector<LayerSpec> layers = {layer(5, 7, 16, 8), layer(3, 2, 4, 2), layer(4, 3, 2, 5), layer(6, 6, 7, 3)};
  layers[3].groups = 6;
  layers[1].padding = 1;
  return layers;
}

// Calls f with kernels of all layers, strategies that take them, and instruction sets.
template <typename F>
void for_each_kernel(const F& f) {
  for (const LayerSpec& spec : layers())
    for (const std::string& target : runnable_instruction_sets())
      for (const char* strategy : {"row_lanes", "column_lanes"})
        f(engine().compile(spec, {.target = target, .plan = strategy}));
}

// Rows of `length` values, `pitch` apart, with `between` in the gaps and after the last row too.
std::vector<float> spread(const std::vector<float>& rows, std::int64_t length, std::int64_t pitch, float between) {
  std::vector<float> result(rows.size() / static_cast<std::size_t>(length) * static_cast<std::size_t>(pitch), between);
  for (std::size_t i = 0; i < rows.size(); ++i)
    result[i / static_cast<std::size_t>(length) * static_cast<std::size_t>(pitch) +
           i % static_cast<std::size_t>(length)] = rows[i];
  return result;
}

TEST(Memory, RowsMayLieApartAndGapsAreNeitherReadNorWritten) {
  for_each_kernel([](const Kernel& kernel) {
    for (const std::int64_t length : {1, 9, 70}) {
      const LayerData<float> data(kernel.spec(), 2, length);
      const std::int64_t row = kernel.output_length(length);
      const std::int64_t input_pitch = length + 3, output_pitch = row + 5;
      // An input gap that is read would show: not a number anywhere makes the output not a number.
      const auto x = spread(data.x, length, input_pitch, std::numeric_limits<float>::quiet_NaN());
      std::vector<float> y(static_cast<std::size_t>(2 * kernel.spec().out_channels * output_pitch), untouched);
      kernel.run(x, kernel.pack(data.w, data.b), y,
                 {.batch = 2, .length = length, .input_pitch = input_pitch, .output_pitch = output_pitch});
      EXPECT_TRUE(same_bits(y, spread(run(kernel, data), row, output_pitch, untouched))) << describe(kernel, data);
    }
  });
}

TEST(Memory, NothingAroundTheOutputIsWritten) {
  for_each_kernel([](const Kernel& kernel) {
    for (const std::int64_t length : {1, 3, 50}) {
      const LayerData<float> data(kernel.spec(), 1, length);
      const std::vector<float> expected = run(kernel, data);
      constexpr std::size_t margin = 100;
      std::vector<float> y(expected.size() + 2 * margin, untouched);
      kernel.run(data.x, kernel.pack(data.w, data.b), std::span<float>(y).subspan(margin, expected.size()),
                 {.batch = 1, .length = length});
      std::vector<float> all(y.size(), untouched);
      std::ranges::copy(expected, all.begin() + margin);
      EXPECT_TRUE(same_bits(y, all)) << describe(kernel, data);
    }
  });
}

TEST(Memory, PointersNeedNoAlignmentBeyondTheirElements) {
  for_each_kernel([](const Kernel& kernel) {
    const LayerData<float> data(kernel.spec(), 1, 40);
    const std::vector<float> expected = run(kernel, data);
    const PackedWeights weights = kernel.pack(data.w, data.b);
    for (std::size_t offset = 1; offset < 16; offset += 2) {
      std::vector<float> x(data.x.size() + offset), y(expected.size() + offset);
      std::ranges::copy(data.x, x.begin() + static_cast<std::ptrdiff_t>(offset));
      const auto out = std::span<float>(y).subspan(offset);
      kernel.run(std::span<const float>(x).subspan(offset), weights, out, {.batch = 1, .length = 40});
      EXPECT_TRUE(same_bits(std::vector<float>(out.begin(), out.end()), expected)) << offset << " elements off";
    }
  });
}

TEST(Memory, TheInputIsOnlyRead) {
  for_each_kernel([](const Kernel& kernel) {
    const LayerData<float> data(kernel.spec(), 2, 30);
    const std::vector<float> before = data.x;
    std::vector<float> y(static_cast<std::size_t>(2 * kernel.spec().out_channels * kernel.output_length(30)));
    kernel.run(data.x, kernel.pack(data.w, data.b), y, {.batch = 2, .length = 30});
    EXPECT_EQ(data.x, before);
  });
}

TEST(Memory, AnEmptyBatchWritesNothing) {
  for_each_kernel([](const Kernel& kernel) {
    const LayerData<float> data(kernel.spec(), 0, 30);
    std::vector<float> y(10, untouched);
    kernel.run(data.x, kernel.pack(data.w, data.b), y, {.batch = 0, .length = 30});
    EXPECT_EQ(y, std::vector<float>(10, untouched));
  });
}

}  // namespace
}  // namespace unstride::testing
