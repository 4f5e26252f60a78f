#include "tests/kernels/sweep_design.h"

#include "tools/support/random_data.h"

namespace unstride::testing {

namespace {

constexpr int visits = 2;

struct Channels {
  std::int64_t in, out, groups;
};
constexpr std::array<Channels, 8> channel_kinds = {{
    {3, 5, 1},
    {1, 1, 1},
    {4, 1, 1},
    {2, 19, 1},  // more output channels than a vector has lanes
    {4, 6, 2},
    {6, 2, 2},
    {5, 5, 5},  // depthwise
    {3, 9, 3},  // depthwise with a channel multiplier
}};
constexpr std::array<std::int64_t, 5> paddings = {0, 1, 2, 4, 7};
constexpr std::array<std::array<std::int64_t, 2>, 4> trims = {{{0, 0}, {1, 0}, {0, 2}, {5, 3}}};
constexpr std::array<Activation, 3> activations = {{{.op = Activation::Op::none},
                                                    {.op = Activation::Op::relu},
                                                    {.op = Activation::Op::leaky_relu, .negative_slope = 0.1}}};

}  // namespace

std::vector<SweepPoint> sweep_points() {
  tools::SplitMix64 random(1);
  std::vector<SweepPoint> points;
  for (int visit = 0; visit < visits; ++visit)
    for (int k = 0; k < value_counts[kernel_size]; ++k)
      for (int s = 0; s < value_counts[stride]; ++s)
        for (int d = 0; d < value_counts[dilation]; ++d) {
          SweepPoint point = {k, s, d};
          for (std::size_t other = padding; other < point.size(); ++other)
            point[other] = static_cast<int>(random.below(value_counts[other]));
          points.push_back(point);
        }
  return points;
}

LayerSpec sweep_layer(const SweepPoint& point, DType dtype) {
  const Channels& kind = channel_kinds[point[channels]];
  LayerSpec spec;
  spec.in_channels = kind.in;
  spec.out_channels = kind.out;
  spec.groups = kind.groups;
  spec.kernel_size = point[kernel_size] + 1;
  spec.stride = point[stride] + 1;
  spec.dilation = point[dilation] + 1;
  spec.padding = paddings[point[padding]];
  spec.bias = point[bias] == 1;
  spec.trim = trims[point[trim]];
  spec.dtype = dtype;
  spec.prologue = activations[point[prologue]];
  spec.epilogue = activations[point[epilogue]];
  return spec;
}

}  // namespace unstride::testing
