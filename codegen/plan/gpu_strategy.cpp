#include "codegen/plan/gpu_strategy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace unstride::plan {

namespace {

constexpr std::array strategies = {&ffma, &gpu_depthwise, &mma, &wgmma};

// Kernels count these in 32 bits.
constexpr std::int64_t most = std::int64_t{1} << 30;
// Of two numbers below it the product fits 64 bits.
constexpr std::int64_t most_stride = std::int64_t{1} << 31;

void require_within_limits(const LayerSpec& spec, const Polyphase& polyphase) {
  const auto refuse = [](std::string_view field, std::int64_t value, std::string_view what, std::int64_t bound) {
    throw SpecError(fmt::format("spec.{}", field), fmt::format("{}", value),
                    fmt::format("{} must be at most {} on a GPU", what, bound));
  };
  if (spec.stride > most_stride) refuse("stride", spec.stride, "the stride", most_stride);
  if (polyphase.reach() > most) refuse("dilation", spec.dilation, "the inputs that taps reach back", most);
  if (spec.out_channels > most) refuse("out_channels", spec.out_channels, "channels", most);
  if (spec.in_channels > most) refuse("in_channels", spec.in_channels, "channels", most);
  if (polyphase.max_taps() > most / spec.in_channels_per_group())
    refuse("kernel_size", spec.kernel_size, "the products of one output", most);
  if (polyphase.phases() > most / spec.out_channels_per_group())
    refuse("kernel_size", spec.kernel_size, "output channels of a group times phases that have taps", most);
}

// Plans name the threads of depthwise; others have them follow from what they name.
int threads_of(const gpu::DepthwiseTile& tile) {
  return tile.threads;
}
int threads_of(const auto& tile) {
  return tile.threads();
}

gpu::Element element_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return gpu::Element::float64;
    case DType::float16:
      return gpu::Element::float16;
    case DType::bfloat16:
      return gpu::Element::bfloat16;
    case DType::float32:
      break;
  }
  return gpu::Element::float32;
}

gpu::Activation activation_of(const Activation& activation) {
  switch (activation.op) {
    case Activation::Op::relu:
      return {gpu::Function::relu};
    case Activation::Op::leaky_relu:
      return {gpu::Function::leaky_relu, activation.negative_slope};
    case Activation::Op::none:
      break;
  }
  return {};
}

gpu::Layer layer_of(const LayerSpec& spec) {
  return {.groups = spec.groups,
          .in_channels = spec.in_channels_per_group(),
          .out_channels = spec.out_channels_per_group(),
          .kernel_size = spec.kernel_size,
          .stride = spec.stride,
          .dilation = spec.dilation,
          .offset = grid_offset(spec),
          .element = element_of(spec.dtype),
          .bias = spec.bias,
          .prologue = activation_of(spec.prologue),
          .epilogue = activation_of(spec.epilogue)};
}

}  // namespace

GpuProblem::GpuProblem(const LayerSpec& s, const GpuTarget& t) : spec(s), target(t), polyphase(s), layer(layer_of(s)) {
  require_within_limits(spec, polyphase);
}

std::span<const GpuStrategy* const> gpu_strategies() {
  return strategies;
}

const GpuStrategy& strategy_of(const GpuTile& tile) {  // without allocation: a launch asks for it
  const std::string_view name = std::visit([]<typename Tile>(const Tile&) { return GpuTileText<Tile>::name; }, tile);
  return *std::ranges::find(strategies, name, [](const GpuStrategy* s) { return s->name; })[0];
}

GpuLaunch launch_of(const GpuProblem& problem, const GpuTile& any, std::int64_t batch, std::int64_t columns) {
  return std::visit(
      [&](const auto& tile) {
        GpuLaunch launch{.blocks = tile.blocks(problem.layer, batch, columns),
                         .threads = threads_of(tile),
                         .shared_bytes = tile.shared_bytes(problem.layer)};
        if constexpr (requires { tile.splits; })
          launch.workspace_bytes = tile.workspace_bytes(problem.layer, batch, columns);
        return launch;
      },
      any);
}

std::string weight_layout(const GpuProblem& problem, const GpuPlan& plan) {
  std::string text;
  for (const std::size_t tile : weight_layouts(problem, plan).first_tile)
    text += (text.empty() ? "" : ", ") + strategy_of(plan.tiles[tile]).weight_layout(problem, plan.tiles[tile]);
  return text;
}

WeightLayouts weight_layouts(const GpuProblem& problem, const GpuPlan& plan) {
  WeightLayouts result;
  std::vector<std::string> names;
  for (const GpuTile& tile : plan.tiles) {
    std::string name = strategy_of(tile).weight_layout(problem, tile);
    const auto index = static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
    if (index == names.size()) {
      names.push_back(std::move(name));
      result.first_tile.push_back(result.of_tile.size());
    }
    result.of_tile.push_back(index);
  }
  return result;
}

namespace {

// A tile whose reduction blocks share runs no large calls, whatever was measured near by.
bool can_run(const GpuProblem& problem, const GpuTile& tile, std::int64_t batch, std::int64_t columns) {
  return splits_of(tile) == 1 || std::isfinite(strategy_of(tile).predict(problem, tile, batch, columns));
}

}  // namespace

std::size_t variant_for(const GpuProblem& problem, const GpuPlan& plan, std::int64_t batch, std::int64_t columns) {
  if (!plan.measured.empty()) {
    constexpr std::int64_t most_calls = std::numeric_limits<std::int64_t>::max();
    const std::int64_t size = columns > 0 && batch > most_calls / columns ? most_calls : batch * columns;
    for (const GpuCalls& calls : plan.measured)
      if (calls.least <= size && size <= calls.most && can_run(problem, plan.tiles[calls.tile], batch, columns))
        return calls.tile;
  }
  const auto predicted = std::span(plan.tiles).first(plan.tiles.size() - plan.only_where_measured);
  if (predicted.size() == 1) return 0;
  const auto best = std::ranges::min_element(
      predicted, {}, [&](const GpuTile& tile) { return strategy_of(tile).predict(problem, tile, batch, columns); });
  return static_cast<std::size_t>(best - predicted.begin());
}

int splits_of(const GpuTile& any) {
  return std::visit(
      [](const auto& tile) {
        if constexpr (requires { tile.splits; }) return tile.splits;
        return 1;
      },
      any);
}

std::string why_illegal_splits(int splits, std::int64_t chunks) {
  if (splits < 1 || splits > 64) return "splits must be from 1 to 64";
  if (splits > chunks) return fmt::format("splits must be at most the stages of the reduction, {}", chunks);
  return {};
}

int resident_blocks(const GpuTarget& target, int threads, std::int64_t shared_bytes, int registers_per_thread) {
  constexpr std::int64_t reserved_shared = 1024;  // of each block, by the system
  const std::int64_t by_shared = target.shared_bytes_per_multiprocessor / (shared_bytes + reserved_shared);
  const std::int64_t by_registers =
      target.registers_per_multiprocessor / (std::int64_t{threads} * registers_per_thread);
  const std::int64_t by_threads = target.threads_per_multiprocessor / threads;
  return static_cast<int>(std::clamp<std::int64_t>(std::min({by_shared, by_registers, by_threads}), 1, 16));
}

}  // namespace unstride::plan
