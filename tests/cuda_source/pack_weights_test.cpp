// Packed weights: every weight once, at its place, zeros around them. That kernels find them there is checked by
// running kernels.
#include "runtime/cuda/pack_weights.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <numeric>

#include "unstride/element.hpp"

namespace unstride::cuda {
namespace {

LayerSpec layer(std::int64_t in, std::int64_t out, std::int64_t groups, std::int64_t kernel, std::int64_t stride,
                std::int64_t dilation) {
  LayerSpec spec;
  spec.in_channels = in;
  spec.out_channels = out;
  spec.groups = groups;
  spec.kernel_size = kernel;
  spec.stride = stride;
  spec.dilation = dilation;
  return spec;
}

plan::GpuPlan ffma_plan(gpu::Rows order) {
  return {{gpu::FfmaTile{.order = order}}};
}

template <typename T>
std::vector<T> values(const std::vector<std::byte>& bytes) {
  std::vector<T> result(bytes.size() / sizeof(T));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

std::vector<float> counted(std::int64_t count) {
  std::vector<float> result(static_cast<std::size_t>(count));
  std::iota(result.begin(), result.end(), 1.0f);
  return result;
}

TEST(PackWeights, FfmaHasEachWeightAtItsGroupChannelTapAndRow) {
  for (const LayerSpec& spec : {layer(6, 10, 2, 7, 3, 1), layer(2, 3, 1, 5, 4, 6), layer(3, 2, 1, 2, 5, 1)})
    for (const gpu::Rows order : {gpu::Rows::channels, gpu::Rows::phases}) {
      const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_80"));
      const std::vector<float> weight = counted(spec.weight_count());
      const auto packed = values<float>(pack_weights(problem, ffma_plan(order), weight.data(), nullptr).weights);
      const gpu::FfmaWeights place{order};
      const gpu::Layer& l = problem.layer;
      std::vector<float> expected(static_cast<std::size_t>(l.groups * place.group_elements(l)));
      for (std::int64_t ci = 0; ci < spec.in_channels; ++ci)
        for (std::int64_t co = 0; co < l.out_channels; ++co)
          for (std::int64_t j = 0; j < spec.kernel_size; ++j) {
            const std::int64_t phase = j % problem.polyphase.tap_step, tap = j / problem.polyphase.tap_step;
            const std::int64_t row =
                order == gpu::Rows::channels ? phase * place.inner(l) + co : co * place.inner(l) + phase;
            const std::int64_t step = ci * problem.polyphase.max_taps() + tap;
            expected[static_cast<std::size_t>(step * place.rows(l) + row)] =
                weight[static_cast<std::size_t>((ci * l.out_channels + co) * spec.kernel_size + j)];
          }
      EXPECT_EQ(packed, expected) << to_json(spec);
      EXPECT_EQ(place.inner(l) * 4 % 16, 0) << "rows are copied 16 bytes at a time";
    }
}

// Core matrices: eight rows by 16 bytes of input channels, side by side along the channels, all rows of 32 channels
// before those of the next; the rest are zeros.
TEST(PackWeights, WgmmaHasEachWeightInItsCoreMatrix) {
  LayerSpec spec = layer(40, 10, 1, 5, 2, 1);
  spec.dtype = DType::bfloat16;
  spec.math = Math::fast;
  const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_90a"));
  std::vector<BFloat16> weight;
  for (std::int64_t i = 0; i < spec.weight_count(); ++i) weight.emplace_back(static_cast<float>(i % 251 + 1));
  const plan::GpuPlan plan{{gpu::WgmmaTile{.order = gpu::Rows::channels}}};
  const auto packed = values<std::uint16_t>(pack_weights(problem, plan, weight.data(), nullptr).weights);

  constexpr std::size_t slabs = 2, taps = 3, phases = 2, inner = 2, core = 64, piece = 4 * core;  // elements
  std::vector<std::uint16_t> expected(phases * inner * slabs * taps * piece);
  for (std::size_t ci = 0; ci < 40; ++ci)
    for (std::size_t co = 0; co < 10; ++co)
      for (std::size_t j = 0; j < 5; ++j) {
        const std::size_t row_group = j % phases * inner + co / 8;
        const std::size_t at = ((ci / 32 * phases * inner + row_group) * taps + j / phases) * piece;
        expected[at + ci % 32 / 8 * core + co % 8 * 8 + ci % 8] = weight[(ci * 10 + co) * 5 + j].bits;
      }
  EXPECT_EQ(packed, expected);
}

TEST(PackWeights, DepthwiseKeepsTheOrder) {
  const LayerSpec spec = layer(4, 8, 4, 3, 2, 1);
  const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_80"));
  const std::vector<float> weight = counted(spec.weight_count());
  const plan::GpuPlan plan{{gpu::DepthwiseTile{}}};
  EXPECT_EQ(values<float>(pack_weights(problem, plan, weight.data(), nullptr).weights), weight);
}

TEST(PackWeights, WidensSixteenBitsToTheArithmeticsType) {
  LayerSpec spec = layer(1, 1, 1, 2, 2, 1);
  spec.dtype = DType::bfloat16;
  const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_80"));
  const BFloat16 weight[] = {BFloat16(1.5f), BFloat16(-3.0f)}, bias[] = {BFloat16(0.25f)};
  const PackedLayer packed = pack_weights(problem, ffma_plan(gpu::Rows::phases), weight, bias);
  EXPECT_EQ(values<float>(packed.weights), (std::vector<float>{1.5f, -3.0f, 0, 0}));
  EXPECT_EQ(values<float>(packed.biases), std::vector<float>{0.25f});
}

TEST(PackWeights, WithoutBiasThereIsNone) {
  LayerSpec spec = layer(1, 1, 1, 1, 1, 1);
  spec.bias = false;
  const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_80"));
  const float weight = 1;
  EXPECT_TRUE(pack_weights(problem, ffma_plan(gpu::Rows::channels), &weight, nullptr).biases.empty());
}

TEST(PackWeights, CountsWhatIsNotFinite) {
  const LayerSpec spec = layer(1, 2, 1, 2, 1, 1);
  const plan::GpuProblem problem(spec, *plan::gpu_target("cuda:sm_80"));
  constexpr float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float weight[] = {1, infinity, 2, nan}, bias[] = {-infinity, 0};
  EXPECT_EQ(pack_weights(problem, ffma_plan(gpu::Rows::channels), weight, bias).non_finite, 3);
}

}  // namespace
}  // namespace unstride::cuda
