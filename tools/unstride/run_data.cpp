#include "tools/unstride/run_data.h"

#include <fmt/format.h>

#include <new>
#include <stdexcept>
#include <utility>

#include "tools/support/movable_array.h"
#include "tools/support/npy.h"
#include "tools/support/random_data.h"
#include "tools/support/sizes.h"
#include "tools/unstride/outcome.h"
#include "unstride/conv_transpose1d.hpp"

namespace unstride::command {
namespace {

using Shape = std::vector<std::int64_t>;

// An array that an option names, of the spec's type.
template <typename T>
struct Loaded {
  Shape shape;
  std::vector<T> data;
};

template <typename T>
Loaded<T> load(const char* option, const std::string& path) {
  tools::NpyArray array = tools::read_npy(path);
  // float32 is how NumPy holds what is bfloat16 elsewhere: it is rounded.
  if (const auto* floats = std::get_if<std::vector<float>>(&array.data); floats && dtype_of<T> == DType::bfloat16) {
    std::vector<T> rounded;
    for (const float value : *floats) rounded.push_back(T(value));
    return {std::move(array.shape), std::move(rounded)};
  }
  if (!std::holds_alternative<std::vector<T>>(array.data)) {
    throw UsageError(fmt::format("{} {}: holds {}; the spec's dtype asks for {}", option, path, name(array.dtype()),
                                 name(dtype_of<T>)));
  }
  return {std::move(array.shape), std::get<std::vector<T>>(std::move(array.data))};
}

[[noreturn]] void refuse_shape(const char* option, const std::string& path, const Shape& shape,
                               const std::string& expected) {
  throw UsageError(fmt::format("{} {}: has shape {}; must be {}", option, path, tools::shape_text(shape), expected));
}

template <typename T>
std::vector<T> load_parameter(const char* option, const std::string& path, const Shape& shape) {
  Loaded<T> loaded = load<T>(option, path);
  if (loaded.shape != shape) refuse_shape(option, path, loaded.shape, tools::shape_text(shape));
  return std::move(loaded.data);
}

// Takes batch and length from the array; where an option gives them too, they must agree.
template <typename T>
void load_input(const LayerSpec& spec, const RunDataOptions& options, RunData<T>& run) {
  Loaded<T> loaded = load<T>("--input", options.input);
  const Shape& shape = loaded.shape;
  const bool fits = (shape.size() == 2 || shape.size() == 3) && shape[shape.size() - 2] == spec.in_channels;
  if (!fits) {
    refuse_shape("--input", options.input, shape, fmt::format("(N, {0}, L) or ({0}, L)", spec.in_channels));
  }
  run.batched = shape.size() == 3;
  run.batch = run.batched ? shape[0] : 1;
  run.length = shape.back();
  const auto require_agreement = [&](const char* option, std::optional<std::int64_t> given, std::int64_t actual) {
    if (!given || *given == actual) return;
    throw UsageError(fmt::format("{}: {}: must be {} or left out; --input {} has shape {}", option, *given, actual,
                                 options.input, tools::shape_text(shape)));
  };
  require_agreement("--batch", options.batch, run.batch);
  require_agreement("--length", options.length, run.length);
  run.x = std::move(loaded.data);
}

template <typename T>
void make_input(const LayerSpec& spec, const RunDataOptions& options, RunData<T>& run) {
  if (!options.length) throw UsageError("--length: missing: must be given unless --input is");
  run.batch = options.batch.value_or(1);
  run.length = *options.length;
  run.x = allocate<T>("the input", {run.batch, spec.in_channels, run.length});
  tools::fill_random(std::span<T>(run.x), options.seed);
}

template <typename T>
void make_parameters(const LayerSpec& spec, const RunDataOptions& options, RunData<T>& run) {
  if (!options.bias.empty() && !spec.bias) {
    throw UsageError(fmt::format("--bias {}: must be left out; the spec has \"bias\": false", options.bias));
  }
  const bool random_weight = options.weight.empty(), random_bias = options.bias.empty() && spec.bias;
  if (random_weight || random_bias) {
    std::vector<T> parameters = initial_parameters<T>(spec, options.seed);
    const auto biases = parameters.begin() + spec.weight_count();
    run.b.assign(biases, parameters.end());
    parameters.erase(biases, parameters.end());
    run.w = std::move(parameters);
  }
  if (!random_weight) {
    run.w = load_parameter<T>("--weight", options.weight,
                              {spec.in_channels, spec.out_channels_per_group(), spec.kernel_size});
  }
  if (!options.bias.empty()) run.b = load_parameter<T>("--bias", options.bias, {spec.out_channels});
}

}  // namespace

template <typename T>
RunData<T> make_run_data(const LayerSpec& spec, const RunDataOptions& options) {
  RunData<T> run;
  if (options.input.empty()) {
    make_input(spec, options, run);
  } else {
    load_input(spec, options, run);
  }
  make_parameters(spec, options, run);
  return run;
}

template <typename T>
std::vector<T> allocate(const char* what, const std::vector<std::int64_t>& shape) {
  const auto count = tools::element_count(shape);
  try {
    if (!count) throw std::length_error("");
    std::vector<T> array;
    array.reserve(static_cast<std::size_t>(*count) + tools::MovableArray<T>::room);
    array.resize(static_cast<std::size_t>(*count));
    return array;
  } catch (const std::length_error&) {
  } catch (const std::bad_alloc&) {
  }
  throw Error(fmt::format("not enough memory for {}, {} of {}", what, tools::shape_text(shape), name(dtype_of<T>)));
}

template RunData<float> make_run_data(const LayerSpec&, const RunDataOptions&);
template RunData<double> make_run_data(const LayerSpec&, const RunDataOptions&);
template RunData<Float16> make_run_data(const LayerSpec&, const RunDataOptions&);
template RunData<BFloat16> make_run_data(const LayerSpec&, const RunDataOptions&);
template std::vector<float> allocate(const char*, const std::vector<std::int64_t>&);
template std::vector<double> allocate(const char*, const std::vector<std::int64_t>&);
template std::vector<Float16> allocate(const char*, const std::vector<std::int64_t>&);
template std::vector<BFloat16> allocate(const char*, const std::vector<std::int64_t>&);

}  // namespace unstride::command
