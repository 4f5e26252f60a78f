#include "runtime/cpu/pack_weights.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "unstride/element.hpp"

namespace unstride::cpu {

namespace {

template <typename T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename T>
std::int64_t count_non_finite(const T* values, std::int64_t count) {
  return std::count_if(values, values + count, [](T v) { return !std::isfinite(static_cast<Accumulator<T>>(v)); });
}

// Widens elements of type T to those of the arithmetic.
template <typename T>
class Packer {
  using Packed = Accumulator<T>;

 public:
  Packer(const plan::CpuProblem& p, const plan::WeightLayout& l, const T* w, const T* b)
      : problem(p), layout(l), weight(w), bias(b) {}

  void pack(Packed* weights, Packed* biases) {
    for (std::int64_t group = 0; group < problem.spec.groups; ++group)
      for (const plan::RowRun& run : layout.runs)
        for (std::int64_t block = 0; block < run.blocks; ++block)
          for (std::int64_t tile = 0; tile < run.channel_tiles; ++tile) {
            const std::int64_t first_tap = run.first_tap + block * run.phases, first_channel = tile * run.channels;
            if (layout.parts == 0) {
              pack_tile(run, group, first_tap, first_channel, weights, biases);
            } else if constexpr (std::is_same_v<Packed, float>) {
              plain.resize(static_cast<std::size_t>(layout.in_channels * run.taps * run.rows));
              pack_tile(run, group, first_tap, first_channel, plain.data(), biases);
              pack_tile_parts(layout, run, plain.data(), weights);
            }
            weights += layout.tile_weights(run);
            biases += run.rows;
          }
  }

 private:
  // One row at a time: a channel of one phase, whose taps are every tap_step-th of the kernel.
  void pack_tile(const plan::RowRun& run, std::int64_t group, std::int64_t first_tap, std::int64_t first_channel,
                 Packed* weights, Packed* biases) {
    std::fill_n(weights, layout.in_channels * run.taps * run.rows, Packed{0});
    std::fill_n(biases, run.rows, Packed{0});
    const std::int64_t channels = std::min(run.channels, problem.out_channels() - first_channel);
    for (std::int64_t channel = 0; channel < channels; ++channel)
      for (std::int64_t phase = 0; phase < run.phases; ++phase) {
        const std::int64_t row = channel * run.phases + phase;
        if (bias) biases[row] = static_cast<Packed>(bias[group * problem.out_channels() + first_channel + channel]);
        const std::int64_t taps = problem.polyphase.taps(first_tap + phase);
        for (std::int64_t ci = 0; ci < layout.in_channels; ++ci) {
          const std::int64_t source_row =
              (group * layout.in_channels + ci) * problem.out_channels() + first_channel + channel;
          const T* from = weight + source_row * problem.spec.kernel_size + first_tap + phase;
          Packed* to = weights + ci * layout.channel_step(run) + row;
          for (std::int64_t t = 0; t < taps; ++t)
            to[t * layout.tap_step(run)] = static_cast<Packed>(from[t * problem.polyphase.tap_step]);
        }
      }
  }

  const plan::CpuProblem& problem;
  const plan::WeightLayout& layout;
  const T* weight;
  const T* bias;
  std::vector<Packed> plain;
};

template <typename T>
PackedLayer pack(const plan::CpuProblem& problem, const plan::WeightLayout& layout, const T* weight, const T* bias) {
  const std::int64_t groups = problem.spec.groups;
  PackedLayer packed;
  packed.weights = AlignedBuffer(groups * layout.group_weights() * problem.element_bytes());
  packed.biases = AlignedBuffer(groups * layout.group_biases() * problem.element_bytes());
  packed.non_finite = count_non_finite(weight, problem.spec.weight_count()) +
                      (bias ? count_non_finite(bias, problem.spec.out_channels) : 0);
  Packer<T>(problem, layout, weight, bias)
      .pack(static_cast<Accumulator<T>*>(packed.weights.data()), static_cast<Accumulator<T>*>(packed.biases.data()));
  return packed;
}

}  // namespace

PackedLayer pack_weights(const plan::CpuProblem& problem, const plan::WeightLayout& layout, const void* weight,
                         const void* bias) {
  return with_element(problem.spec.dtype, [&](auto element) {
    using T = decltype(element);
    return pack(problem, layout, static_cast<const T*>(weight), static_cast<const T*>(bias));
  });
}

}  // namespace unstride::cpu
