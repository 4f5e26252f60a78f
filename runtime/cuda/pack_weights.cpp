#include "runtime/cuda/pack_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "unstride/element.hpp"

namespace unstride::cuda {

namespace {

template <typename T>
using Accumulator = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename T>
std::int64_t count_non_finite(const T* values, std::int64_t count) {
  return std::count_if(values, values + count, [](T v) { return !std::isfinite(static_cast<Accumulator<T>>(v)); });
}

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// (in_channels, out_channels/groups, kernel_size), as the caller has it.
template <typename T>
struct Weight {
  const plan::GpuProblem& problem;
  const T* values;

  Accumulator<T> at(std::int64_t group, std::int64_t input, std::int64_t output, std::int64_t element) const {
    const gpu::Layer& layer = problem.layer;
    const std::int64_t row = (group * layer.in_channels + input) * layer.out_channels + output;
    return static_cast<Accumulator<T>>(values[row * layer.kernel_size + element]);
  }
};

// gpu::FfmaWeights says where each weight lies.
template <typename T>
std::vector<std::byte> pack(const Weight<T>& weight, const gpu::FfmaTile& tile) {
  const gpu::Layer& layer = weight.problem.layer;
  const gpu::Polyphase polyphase = layer.polyphase();
  const gpu::FfmaWeights packed{tile.order};
  const std::int64_t rows = packed.rows(layer), inner = packed.inner(layer);
  const bool by_channels = tile.order == gpu::Rows::channels;
  std::vector<Accumulator<T>> result(static_cast<std::size_t>(layer.groups * packed.group_elements(layer)));
  auto* to = result.data();
  for (std::int64_t group = 0; group < layer.groups; ++group)
    for (std::int64_t input = 0; input < layer.in_channels; ++input)
      for (std::int64_t tap = 0; tap < polyphase.max_taps(); ++tap, to += rows)
        for (std::int64_t phase = 0; phase < polyphase.phases(); ++phase) {
          if (tap >= polyphase.taps(phase)) continue;
          const std::int64_t element = phase + tap * polyphase.tap_step();
          for (std::int64_t output = 0; output < layer.out_channels; ++output)
            to[by_channels ? phase * inner + output : output * inner + phase] =
                weight.at(group, input, output, element);
        }
  return bytes_of(result);
}

// [output channel][element]
template <typename T>
std::vector<std::byte> pack(const Weight<T>& weight, const gpu::DepthwiseTile&) {
  const auto count = static_cast<std::size_t>(weight.problem.spec.weight_count());
  std::vector<Accumulator<T>> result(count);
  std::transform(weight.values, weight.values + count, result.begin(),
                 [](T value) { return static_cast<Accumulator<T>>(value); });
  return bytes_of(result);
}

// To the nearest number of TF32, ties away from zero, as tensor cores' own conversion does it; a NaN stays one.
std::uint32_t tf32_word(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::isfinite(value) ? (bits + 0x1000) & ~0x1fffu : bits;
}

// gpu::MmaWeights or gpu::WgmmaWeights, `packed`, says which piece a weight lies in, and where there. What a word
// holds: one channel in TF32, or two of a 16-bit type.
template <typename Packed, typename T>
std::vector<std::byte> pack_pieces(const Weight<T>& weight, const Packed& packed) {
  const gpu::Layer& layer = weight.problem.layer;
  const gpu::Polyphase polyphase = layer.polyphase();
  const bool by_channels = packed.order == gpu::Rows::channels;
  std::vector<std::uint32_t> result(static_cast<std::size_t>(layer.groups * packed.group_words(layer)));
  for (std::int64_t group = 0; group < layer.groups; ++group)
    for (std::int64_t input = 0; input < layer.in_channels; ++input) {
      const std::int64_t word = input / packed.channels_per_word(layer);
      const std::int64_t slab = word / Packed::slab_words, depth = word % Packed::slab_words;
      for (std::int64_t output = 0; output < layer.out_channels; ++output)
        for (std::int64_t element = 0; element < layer.kernel_size; ++element) {
          const std::int64_t phase = element % polyphase.tap_step(), tap = element / polyphase.tap_step();
          const std::int64_t inner = by_channels ? output : phase, outer = by_channels ? phase : output;
          const std::int64_t row_group = outer * packed.inner(layer) + inner / 8;
          const std::int64_t piece = packed.piece(layer, row_group, slab, tap);
          std::uint32_t& to = result[static_cast<std::size_t>(
              group * packed.group_words(layer) + piece * Packed::piece_words + Packed::place(inner % 8, depth))];
          const auto value = weight.at(group, input, output, element);
          if constexpr (sizeof(T) == 2)
            to |= static_cast<std::uint32_t>(T(value).bits) << 16 * (input % 2);
          else
            to = tf32_word(static_cast<float>(value));
        }
    }
  return bytes_of(result);
}

template <typename T>
std::vector<std::byte> pack(const Weight<T>& weight, const gpu::MmaTile& tile) {
  return pack_pieces(weight, gpu::MmaWeights{tile.order});
}
template <typename T>
std::vector<std::byte> pack(const Weight<T>& weight, const gpu::WgmmaTile& tile) {
  return pack_pieces(weight, gpu::WgmmaWeights{{tile.order}});
}

template <typename T>
PackedLayer pack_layer(const plan::GpuProblem& problem, const plan::GpuPlan& plan, const T* weight, const T* bias) {
  PackedLayer packed;
  packed.non_finite = count_non_finite(weight, problem.spec.weight_count());
  packed.weights = std::visit(
      [&](const auto& tile) {
        return pack(Weight<T>{problem, weight}, tile);
      },
      plan.tiles.front());
  if (problem.spec.bias && bias != nullptr) {
    packed.non_finite += count_non_finite(bias, problem.spec.out_channels);
    std::vector<Accumulator<T>> biases;
    std::transform(bias, bias + problem.spec.out_channels, std::back_inserter(biases),
                   [](T value) { return static_cast<Accumulator<T>>(value); });
    packed.biases = bytes_of(biases);
  }
  return packed;
}

}  // namespace

PackedLayer pack_weights(const plan::GpuProblem& problem, const plan::GpuPlan& plan, const void* weight,
                         const void* bias) {
  return with_element(problem.spec.dtype, [&](auto element) {
    using T = decltype(element);
    return pack_layer(problem, plan, static_cast<const T*>(weight), static_cast<const T*>(bias));
  });
}

}  // namespace unstride::cuda
