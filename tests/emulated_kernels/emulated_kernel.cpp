#include "tests/emulated_kernels/emulated_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "runtime/cuda/pack_weights.h"
#include "tests/emulator/failure.h"
#include "tests/emulator/launch.h"

namespace unstride::testing {

namespace {

const plan::GpuTarget& target_of(const std::string& name) {
  if (const plan::GpuTarget* target = plan::gpu_target(name)) return *target;
  throw std::runtime_error("no target " + name);
}

void replace_all(std::string& text, const Mutation& mutation) {
  std::size_t at = text.find(mutation.from);
  if (at == text.npos) throw std::runtime_error(mutation.header + " does not hold \"" + mutation.from + "\"");
  for (; at != text.npos; at = text.find(mutation.from, at + mutation.to.size()))
    text.replace(at, mutation.from.size(), mutation.to);
}

emulator::CompiledSource compile(const plan::GpuProblem& problem, const plan::GpuPlan& plan,
                                 const std::vector<Mutation>& mutations) {
  std::vector<emulator::SourceFile> headers;
  for (const cuda::Header& header : cuda::headers()) {
    headers.push_back({header.name, header.text});
    for (const Mutation& mutation : mutations)
      if (mutation.header == header.name) replace_all(headers.back().text, mutation);
  }
  return {headers, cuda::generate(problem, plan)};
}

// Rows with gaps between them.
template <typename T>
std::vector<T> spread(const std::vector<T>& dense, std::int64_t rows, std::int64_t length, std::int64_t gap,
                      T between) {
  if (rows == 0) return {};
  std::vector<T> result(static_cast<std::size_t>(rows * (length + gap) - gap), between);
  for (std::int64_t row = 0; row < rows; ++row)
    std::copy_n(dense.begin() + row * length, length, result.begin() + row * (length + gap));
  return result;
}

// Device memory is read in vectors of 16 bytes, up to the last of them.
std::vector<std::byte> whole_vectors(std::vector<std::byte> bytes) {
  bytes.resize((bytes.size() + 15) / 16 * 16, std::byte{0xff});
  return bytes;
}

std::vector<unsigned> chosen_blocks(std::int64_t blocks, std::int64_t most) {
  std::vector<unsigned> chosen;
  if (most == 0 || blocks <= most) return chosen;
  for (std::int64_t i = 0; i < most; ++i) chosen.push_back(static_cast<unsigned>(i * (blocks - 1) / (most - 1)));
  return chosen;
}

}  // namespace

EmulatedKernel::EmulatedKernel(const LayerSpec& spec, const std::string& target, const std::string& plan,
                               const std::vector<Mutation>& mutations)
    : problem_(spec, target_of(target)),
      plan_(plan::choose_gpu_plan(problem_, plan).plan),
      compiled_(compile(problem_, plan_, mutations)) {}

template <typename T>
std::vector<T> EmulatedKernel::run(const LayerData<T>& data, const EmulatedRun& how) const {
  const LayerSpec& spec = problem_.spec;
  const std::int64_t output =
      data.oracle().output_length(how.output_padding < 0 ? spec.output_padding : how.output_padding);
  const std::int64_t columns = gpu::columns_of(problem_.layer, output);
  const std::size_t index =
      how.tile < 0 ? plan::variant_for(problem_, plan_, data.batch, columns) : static_cast<std::size_t>(how.tile);
  const plan::GpuTile& tile = plan_.tiles[index];
  const plan::GpuLaunch launch = plan::launch_of(problem_, tile, data.batch, columns);

  const cuda::PackedLayer packed =
      cuda::pack_weights(problem_, plan_, data.w.data(), data.b.empty() ? nullptr : data.b.data());
  const GuardedArray<std::byte> weights(std::span<const std::byte>(whole_vectors(packed.weights)), Touching::back);
  const GuardedArray<std::byte> biases(std::span<const std::byte>(whole_vectors(packed.biases)), Touching::back);
  const GuardedArray<std::byte> workspace(launch.workspace_bytes, std::byte{0xff}, Touching::back);
  const auto counters = workspace.elements().first(
      static_cast<std::size_t>(std::min<std::int64_t>(launch.workspace_bytes, gpu::SplitTile::counter_bytes)));
  std::ranges::fill(counters, std::byte{0});
  const T nan = stored<T>(std::numeric_limits<double>::quiet_NaN());
  const std::int64_t input_rows = data.batch * spec.in_channels, output_rows = data.batch * spec.out_channels;
  const GuardedArray<T> x(std::span<const T>(spread(data.x, input_rows, data.length, how.input_gap, nan)),
                          how.touching);
  const GuardedArray<T> y(std::max<std::int64_t>(0, output_rows * (output + how.output_gap) - how.output_gap),
                          never_written<T>(), how.touching);

  const gpu::Arguments arguments = {.x = x.elements().data(),
                                    .weights = weights.elements().data(),
                                    .bias = spec.bias ? biases.elements().data() : nullptr,
                                    .y = y.elements().data(),
                                    .workspace = workspace.elements().data(),
                                    .batch = data.batch,
                                    .input_length = data.length,
                                    .output_length = output,
                                    .input_pitch = data.length + how.input_gap,
                                    .output_pitch = output + how.output_gap,
                                    .columns = columns};
  auto* kernel = compiled_.function<void(gpu::Arguments)>(cuda::kernel_symbol(index));
  // Blocks that share a reduction need each other.
  const std::int64_t most_blocks = launch.workspace_bytes > 0 ? 0 : how.most_blocks;
  for (int n = 0; n < how.launches && launch.blocks > 0; ++n) {
    std::ranges::fill(y.elements(), never_written<T>());
    emulator::launch(
        {.x = static_cast<unsigned>(launch.blocks),
         .threads = static_cast<unsigned>(launch.threads),
         .shared_bytes = static_cast<std::size_t>(launch.shared_bytes),
         .shared_touches_front = how.touching == Touching::front},
        how.schedule, [&] { kernel(arguments); }, chosen_blocks(launch.blocks, most_blocks));
    if (std::ranges::any_of(counters, [](std::byte value) { return value != std::byte{0}; }))
      throw emulator::Failure("the counters of the workspace are not left at zero");
  }

  std::vector<T> dense;
  for (std::int64_t row = 0; row < output_rows; ++row) {
    const auto begin = y.elements().begin() + row * (output + how.output_gap);
    dense.insert(dense.end(), begin, begin + output);
    if (row + 1 < output_rows && std::any_of(begin + output, begin + output + how.output_gap,
                                             [](T value) { return !same_bits(value, never_written<T>()); }))
      throw emulator::Failure(fmt::format("writes beyond the end of row {} of y", row));
  }
  return dense;
}

template <typename T>
std::string EmulatedKernel::describe(const LayerData<T>& data, const EmulatedRun& how) const {
  return fmt::format("{} N={} L={} output_padding={}; plan \"{}\" tile {} on {}; schedule {}, gaps {} and {}",
                     to_json(problem_.spec), data.batch, data.length, how.output_padding, plan(), how.tile,
                     problem_.target.name, how.schedule.name(), how.input_gap, how.output_gap);
}

#define UNSTRIDE_INSTANTIATE(T)                                                               \
  template std::vector<T> EmulatedKernel::run(const LayerData<T>&, const EmulatedRun&) const; \
  template std::string EmulatedKernel::describe(const LayerData<T>&, const EmulatedRun&) const;
UNSTRIDE_INSTANTIATE(float)
UNSTRIDE_INSTANTIATE(double)
UNSTRIDE_INSTANTIATE(Float16)
UNSTRIDE_INSTANTIATE(BFloat16)

}  // namespace unstride::testing
