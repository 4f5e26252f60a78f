// The smallest program: parse a layer, compile it, pack its weights, run it.
#include <cstdint>
#include <iostream>
#include <unstride/unstride.hpp>
#include <vector>

int main() try {
  const unstride::Engine engine;
  const unstride::LayerSpec spec = unstride::parse_spec(R"({
    "op": "conv_transpose1d", "in_channels": 64, "out_channels": 32, "kernel_size": 4, "stride": 2, "padding": 1,
    "prologue": {"op": "leaky_relu", "negative_slope": 0.1}
  })");
  const unstride::Kernel kernel = engine.compile(spec);

  const std::vector<float> weight(spec.weight_count(), 0.01f);  // (in_channels, out_channels/groups, kernel_size)
  const std::vector<float> bias(spec.out_channels, 0.5f);
  const unstride::PackedWeights packed = kernel.pack(weight, bias);

  const std::int64_t batch = 2, length = 100;
  const std::vector<float> x(batch * spec.in_channels * length, 1.0f);
  std::vector<float> y(batch * spec.out_channels * kernel.output_length(length));
  kernel.run(x, packed, y, {.batch = batch, .length = length});

  // Away from the borders every output has two taps in each of the 64 channels: 0.5 + 64 * 2 * 0.01.
  std::cout << kernel.info().target << ": " << length << " samples became " << kernel.output_length(length)
            << "; one of them is " << y[kernel.output_length(length) / 2] << ", expected 1.78\n";
} catch (const unstride::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
