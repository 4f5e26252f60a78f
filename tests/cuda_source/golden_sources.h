// Layers whose sources are kept in golden/, each with a plan of its own: what the planner prefers may change, what a
// plan is written as may not, unnoticed.
#pragma once

#include <string>
#include <vector>

#include "codegen/cuda/source.h"

namespace unstride::cuda::testing {

struct GoldenSource {
  std::string name, spec, target, plan;

  std::string text() const {
    const plan::GpuProblem problem(parse_spec(spec), *plan::gpu_target(target));
    return generate(problem, plan::parse_gpu_plan(plan));
  }
};

inline std::vector<GoldenSource> golden_sources() {
  return {
      {"hifi_gan_ups_0",
       R"({"op": "conv_transpose1d", "in_channels": 512, "out_channels": 256, "kernel_size": 16, "stride": 8,
               "padding": 4, "prologue": {"op": "leaky_relu", "negative_slope": 0.1}})",
       "cuda:sm_90a",
       "ffma order=channels rows=8 row_threads=2 other_threads=8 column_groups=2 column_threads=16 channel_block=8 "
       "tap_block=2 blocks_per_multiprocessor=2; ffma order=channels rows=2 row_threads=4 other_threads=8 "
       "column_groups=1 column_threads=4 channel_block=32 tap_block=2 blocks_per_multiprocessor=6"},
      {"inverse_stft",
       R"({"op": "conv_transpose1d", "in_channels": 1026, "out_channels": 1, "kernel_size": 1024, "stride": 256,
               "bias": false, "trim": [512, 512]})",
       "cuda:sm_80",
       "ffma order=phases rows=8 row_threads=8 other_threads=1 column_groups=2 column_threads=8 channel_block=6 "
       "tap_block=4 blocks_per_multiprocessor=7"},
      {"dilated_groups_float64",
       R"({"op": "conv_transpose1d", "in_channels": 6, "out_channels": 4, "kernel_size": 5, "stride": 3,
               "dilation": 2, "groups": 2, "output_padding": 1, "dtype": "float64", "epilogue": {"op": "relu"}})",
       "cuda:sm_75",
       "ffma order=channels rows=2 row_threads=1 other_threads=4 column_groups=1 column_threads=8 channel_block=3 "
       "tap_block=2 blocks_per_multiprocessor=4"},
      {"depthwise_bfloat16",
       R"({"op": "conv_transpose1d", "in_channels": 768, "out_channels": 768, "kernel_size": 12, "stride": 2,
               "groups": 768, "bias": false, "trim": [15, 15], "dtype": "bfloat16"})",
       "cuda:sm_120", "depthwise columns=4 threads=128"},
      {"hifi_gan_ups_0_bfloat16",
       R"({"op": "conv_transpose1d", "in_channels": 512, "out_channels": 256, "kernel_size": 16, "stride": 8,
               "padding": 4, "dtype": "bfloat16", "math": "fast",
               "prologue": {"op": "leaky_relu", "negative_slope": 0.1}})",
       "cuda:sm_90a",
       "wgmma order=channels inner_tiles=4 outer_tiles=8 warpgroups=2 slabs=1 stages=4 splits=1 "
       "blocks_per_multiprocessor=1; wgmma order=channels inner_tiles=1 outer_tiles=8 warpgroups=1 slabs=1 stages=4 "
       "splits=4 blocks_per_multiprocessor=2"}};
}

}  // namespace unstride::cuda::testing
