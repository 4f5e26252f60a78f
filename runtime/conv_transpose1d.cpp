#include "unstride/conv_transpose1d.hpp"

#include <fmt/format.h>

#include <cmath>
#include <random>
#include <type_traits>

namespace unstride {

namespace {

template <typename T>
T rounded(double value) {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(value);
  else
    return T(static_cast<float>(value));
}

}  // namespace

template <typename T>
std::vector<T> initial_parameters(const LayerSpec& spec, std::uint64_t seed) {
  validate(spec);
  const double k = static_cast<double>(spec.groups) /
                   (static_cast<double>(spec.out_channels) * static_cast<double>(spec.kernel_size));
  const double bound = std::sqrt(k);
  // std::uniform_real_distribution may differ between standard libraries; the engine's 53 upper bits do not.
  std::mt19937_64 random(seed);
  std::vector<T> values(static_cast<std::size_t>(spec.weight_count() + (spec.bias ? spec.out_channels : 0)));
  for (T& value : values) value = rounded<T>((static_cast<double>(random() >> 11) * 0x1p-52 - 1) * bound);
  return values;
}

template <typename T>
ConvTranspose1d<T>::ConvTranspose1d(const Engine& engine, LayerSpec spec, std::uint64_t seed) : engine_(engine) {
  if (spec.dtype != dtype_of<T>)
    throw SpecError("spec.dtype", std::string(name(spec.dtype)),
                    fmt::format("this module computes in {}", name(dtype_of<T>)));
  kernel_ = engine_.compile(spec);
  std::vector<T> values = initial_parameters<T>(spec, seed);
  std::vector<T> bias(values.begin() + spec.weight_count(), values.end());
  values.resize(static_cast<std::size_t>(spec.weight_count()));
  set_parameters(std::move(values), std::move(bias));
}

template <typename T>
void ConvTranspose1d<T>::set_parameters(std::vector<T> weight, std::vector<T> bias) {
  packed_ = kernel_.pack(weight, bias);  // checks them first: on an error the old ones stay
  weight_ = std::move(weight);
  bias_ = std::move(bias);
}

template <typename T>
typename ConvTranspose1d<T>::Output ConvTranspose1d<T>::operator()(std::span<const T> x,
                                                                   const CallOptions& options) const {
  const LayerSpec& layer = spec();
  if (options.batch < 1)
    throw ArgumentError(
        fmt::format("batch: {}: must be at least 1 (the length follows from the size of x)", options.batch));
  const std::int64_t rows = options.batch * layer.in_channels;
  if (std::ssize(x) % rows != 0)
    throw ArgumentError(
        fmt::format("x: {} elements do not divide into {} x {} channels", x.size(), options.batch, layer.in_channels));
  const std::int64_t length = std::ssize(x) / rows;

  Output output;
  output.length = options.output_size ? *options.output_size : kernel_.output_length(length);
  if (options.output_size) with_output_size(layer, length, output.length);  // throws, naming what is possible
  output.data.resize(static_cast<std::size_t>(options.batch * layer.out_channels * output.length));
  kernel_.run(x, packed_, output.data, {.batch = options.batch, .length = length, .output_size = output.length});
  return output;
}

template class ConvTranspose1d<float>;
template class ConvTranspose1d<double>;
template class ConvTranspose1d<Float16>;
template class ConvTranspose1d<BFloat16>;
template std::vector<float> initial_parameters<float>(const LayerSpec&, std::uint64_t);
template std::vector<double> initial_parameters<double>(const LayerSpec&, std::uint64_t);
template std::vector<Float16> initial_parameters<Float16>(const LayerSpec&, std::uint64_t);
template std::vector<BFloat16> initial_parameters<BFloat16>(const LayerSpec&, std::uint64_t);

}  // namespace unstride
