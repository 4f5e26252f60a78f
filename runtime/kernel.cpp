// Kernel's public calls: every argument is checked here, once, for all back ends.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "runtime/backend.h"
#include "support/checked_math.h"

namespace unstride {

namespace {

void require_buffer(std::string_view what, DType dtype, const void* data, std::int64_t size, DType wanted_dtype,
                    std::int64_t wanted, std::string_view shape) {
  if (size != 0 && dtype != wanted_dtype)
    throw ArgumentError(
        fmt::format("{}: elements are {}; this kernel takes {}", what, name(dtype), name(wanted_dtype)));
  if (size < wanted)
    throw ArgumentError(fmt::format("{}: {} elements are too few; {} needs {}", what, size, shape, wanted));
  if (size > 0 && !data) throw ArgumentError(fmt::format("{}: is null", what));
}

std::int64_t pitch(std::string_view what, std::int64_t given, std::int64_t length) {
  if (given == 0) return length;
  if (given < length)
    throw ArgumentError(fmt::format("{}: {}: must be at least the row's length, {}", what, given, length));
  return given;
}

// Elements from the first to the last of rows of `length` that lie `pitch` apart.
std::int64_t extent(std::string_view what, std::int64_t rows, std::int64_t pitch, std::int64_t length) {
  if (rows == 0) return 0;
  const auto before = support::checked_mul(rows - 1, pitch);
  const auto all = before ? support::checked_add(*before, length) : std::nullopt;
  if (!all || *all > std::numeric_limits<std::int64_t>::max() / 8)
    throw ArgumentError(fmt::format("{}: {} rows of pitch {} are more than 64 bits can address", what, rows, pitch));
  return *all;
}

// Positions on the output's grid, from the first column to past the last, fit 64 bits with room to spare.
void require_addressable(const LayerSpec& layer, std::int64_t output_length) {
  constexpr std::int64_t limit = std::int64_t{1} << 61;
  const support::int128 padding = layer.padding, trim = layer.trim[0];
  if (padding + trim + output_length > limit)
    throw SpecError("spec.padding", fmt::format("{}", layer.padding),
                    fmt::format("padding + trim[0] + output length must be at most {} to be computed", limit));
}

std::int64_t rows_of(std::int64_t batch, std::int64_t channels) {
  const auto rows = support::checked_mul(batch, channels);
  if (!rows) throw ArgumentError(fmt::format("batch: {}: times {} channels overflows 64 bits", batch, channels));
  return *rows;
}

bool overlap(const void* a, std::int64_t a_bytes, const void* b, std::int64_t b_bytes) {
  const auto begin = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
  return begin(a) < begin(b) + static_cast<std::uintptr_t>(b_bytes) &&
         begin(b) < begin(a) + static_cast<std::uintptr_t>(a_bytes);
}

void require_batch(std::int64_t batch) {
  if (batch < 0) throw ArgumentError(fmt::format("batch: {}: must be 0 or more", batch));
}

// Of a call; throws when no output_padding gives the wanted size.
std::int64_t output_length_of(const LayerSpec& layer, std::int64_t length, std::int64_t output_size) {
  if (output_size == 0) {
    output_size = unstride::output_length(layer, length);
  } else {
    with_output_size(layer, length, output_size);
  }
  require_addressable(layer, output_size);
  return output_size;
}

}  // namespace

const Kernel::Impl& Kernel::impl() const {
  if (!impl_) throw ArgumentError("kernel: is empty; Engine::compile makes one");
  return *impl_;
}

const LayerSpec& Kernel::spec() const {
  return impl().spec;
}
const CompileInfo& Kernel::info() const {
  return impl().info;
}
std::int64_t Kernel::output_length(std::int64_t input_length) const {
  return unstride::output_length(spec(), input_length);
}

PackedWeights Kernel::pack(ConstBuffer weight, ConstBuffer bias) const {
  const LayerSpec& layer = spec();
  const auto require_exactly = [&](std::string_view what, const ConstBuffer& buffer, std::int64_t wanted,
                                   std::string_view shape) {
    require_buffer(what, buffer.dtype, buffer.data, buffer.size, layer.dtype, wanted, shape);
    if (buffer.size != wanted)
      throw ArgumentError(fmt::format("{}: {} elements are too many; {} needs {}", what, buffer.size, shape, wanted));
  };
  require_exactly("weight", weight, layer.weight_count(),
                  fmt::format("({}, {}, {})", layer.in_channels, layer.out_channels_per_group(), layer.kernel_size));
  if (layer.bias) {
    require_exactly("bias", bias, layer.out_channels, fmt::format("({})", layer.out_channels));
  } else if (bias.size != 0) {
    throw ArgumentError(fmt::format("bias: {} elements given, but spec.bias is false", bias.size));
  }
  return impl().pack(weight, layer.bias ? bias : ConstBuffer());
}

std::int64_t Kernel::workspace_bytes(std::int64_t batch, std::int64_t length, std::int64_t output_size) const {
  require_batch(batch);
  const std::int64_t output = output_length_of(spec(), length, output_size);
  rows_of(batch, std::max(spec().in_channels, spec().out_channels));
  return batch == 0 ? 0 : impl().workspace_bytes(batch, output);
}

void Kernel::run(ConstBuffer x, const PackedWeights& weights, Buffer y, const RunOptions& options) const {
  const Impl& kernel = impl();
  const LayerSpec& layer = kernel.spec;
  if (!weights.impl()) throw ArgumentError("weights: are empty; Kernel::pack makes them");
  if (weights.impl()->layout != kernel.layout)
    throw ArgumentError("weights: were packed by another kernel; pack them with this one");
  require_batch(options.batch);
  if (options.threads < 0) throw ArgumentError(fmt::format("threads: {}: must be 0 or more", options.threads));

  const std::int64_t output = output_length_of(layer, options.length, options.output_size);
  const std::int64_t input_pitch = pitch("input_pitch", options.input_pitch, options.length);
  const std::int64_t output_pitch = pitch("output_pitch", options.output_pitch, output);
  const std::int64_t input_size = extent("x", rows_of(options.batch, layer.in_channels), input_pitch, options.length);
  const std::int64_t output_elements = extent("y", rows_of(options.batch, layer.out_channels), output_pitch, output);
  const auto shape = [&](std::int64_t channels, std::int64_t length) {
    return fmt::format("({}, {}, {})", options.batch, channels, length);
  };
  // Formatting shapes costs more than a small layer: only once something is wrong.
  if (x.size < input_size || x.dtype != layer.dtype || !x.data)
    require_buffer("x", x.dtype, x.data, x.size, layer.dtype, input_size, shape(layer.in_channels, options.length));
  if (y.size < output_elements || y.dtype != layer.dtype || !y.data)
    require_buffer("y", y.dtype, y.data, y.size, layer.dtype, output_elements, shape(layer.out_channels, output));
  if (options.batch == 0) return;
  const std::int64_t bytes = size_in_bytes(layer.dtype);
  if (overlap(x.data, input_size * bytes, y.data, output_elements * bytes)) throw ArgumentError("y: overlaps x");
  const Workspace& workspace = options.workspace;
  if (workspace.bytes < 0) throw ArgumentError(fmt::format("workspace: {} bytes: must be 0 or more", workspace.bytes));
  if (overlap(x.data, input_size * bytes, workspace.data, workspace.bytes))
    throw ArgumentError("workspace: overlaps x");
  if (overlap(y.data, output_elements * bytes, workspace.data, workspace.bytes))
    throw ArgumentError("workspace: overlaps y");

  kernel.run({.x = x,
              .weights = *weights.impl(),
              .y = y,
              .batch = options.batch,
              .input_length = options.length,
              .output_length = output,
              .input_pitch = input_pitch,
              .output_pitch = output_pitch,
              .threads = options.threads > 0 ? options.threads : kernel.default_threads,
              .executor = options.executor,
              .stream = options.stream,
              .workspace = workspace});
}

std::int64_t PackedWeights::non_finite_count() const noexcept {
  return impl_ ? impl_->non_finite : 0;
}

}  // namespace unstride
