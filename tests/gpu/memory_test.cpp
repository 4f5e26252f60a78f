// What a call may touch, and what it refuses.
#include "tests/gpu/gpu_testing.h"

namespace unstride::testing {
namespace {

using GpuMemory = OnGpu;

// Rows of `length` values, `pitch` apart, with `between` in the gaps and after the last row too.
std::vector<float> spread(const std::vector<float>& rows, std::int64_t length, std::int64_t pitch, float between) {
  std::vector<float> result(rows.size() / static_cast<std::size_t>(length) * static_cast<std::size_t>(pitch), between);
  for (std::size_t i = 0; i < rows.size(); ++i)
    result[i / static_cast<std::size_t>(length) * static_cast<std::size_t>(pitch) +
           i % static_cast<std::size_t>(length)] = rows[i];
  return result;
}

TEST_F(GpuMemory, RowsMayLieApartAndGapsAreNeitherReadNorWritten) {
  constexpr float untouched = 12345.0F;
  for (LayerSpec spec : {layer(5, 7, 16, 8), layer(4, 3, 2, 5), layer(6, 6, 7, 3), layer(64, 32, 4, 2)}) {
    if (spec.in_channels == 6) spec.groups = 6;
    const Kernel kernel = engine().compile(spec, {.target = "cuda"});
    for (const std::int64_t length : {1, 9, 70, 513}) {
      const LayerData<float> data(spec, 2, length);
      const std::int64_t row = kernel.output_length(length);
      const std::int64_t input_pitch = length + 3, output_pitch = row + 5;
      const auto x = spread(data.x, length, input_pitch, std::numeric_limits<float>::quiet_NaN());
      std::vector<float> y(static_cast<std::size_t>(2 * spec.out_channels * output_pitch), untouched);
      const DeviceArray device_x(engine(), std::ssize(x) * 4), device_y(engine(), std::ssize(y) * 4);
      device_x.upload(x.data(), device_x.bytes());
      device_y.upload(y.data(), device_y.bytes());
      kernel.run(ConstBuffer(device_x.data(), std::ssize(x), DType::float32), kernel.pack(data.w, data.b),
                 Buffer(device_y.data(), std::ssize(y), DType::float32),
                 {.batch = 2, .length = length, .input_pitch = input_pitch, .output_pitch = output_pitch});
      device_y.download(y.data(), device_y.bytes());
      EXPECT_TRUE(same_bits(y, spread(GpuCall<float>(kernel, data)(), row, output_pitch, untouched)))
          << describe(kernel, data);
    }
  }
}

TEST_F(GpuMemory, EveryOutputSizeOfAStrideIsComputed) {
  const Kernel kernel = engine().compile(layer(8, 6, 5, 4), {.target = "cuda"});
  const LayerData<float> data(kernel.spec(), 1, 40);
  const std::int64_t shortest = kernel.output_length(40);
  for (std::int64_t extra = 0; extra < 4; ++extra) {
    RunOptions options;
    options.output_size = shortest + extra;
    EXPECT_TRUE(equals_strict_chain(data, GpuCall<float>(kernel, data, options)())) << extra;
  }
}

TEST_F(GpuMemory, ElementsAtOddAddressesAreReadAndWritten) {
  LayerSpec spec = layer(16, 8, 4, 2);
  spec.dtype = DType::bfloat16;
  const LayerData<BFloat16> data(spec, 1, 101);  // odd rows: neighbours are not aligned alike
  EXPECT_TRUE(equals_strict_chain(data, GpuCall<BFloat16>(data)()));
}

TEST_F(GpuMemory, MemoryOfTheHostIsRefusedByName) {
  const LayerData<float> data(layer(4, 3, 4, 2), 1, 50);
  const Kernel kernel = engine().compile(data.spec, {.target = "cuda"});
  std::vector<float> y(static_cast<std::size_t>(3 * kernel.output_length(50)));
  try {
    kernel.run(data.x, kernel.pack(data.w, data.b), y, {.batch = 1, .length = 50});
    FAIL() << "no error";
  } catch (const ArgumentError& error) {
    EXPECT_NE(std::string(error.what()).find("x: is not memory of device"), std::string::npos);
  }
  EXPECT_TRUE(equals_strict_chain(data, GpuCall<float>(kernel, data)()));  // the device still works
}

}  // namespace
}  // namespace unstride::testing
