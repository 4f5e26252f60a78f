#include "codegen/cuda/source.h"

#include <fmt/format.h>

#include <algorithm>

namespace unstride::cuda {

namespace {

std::string text_of(int value) {
  return fmt::format("{}", value);
}
std::string text_of(gpu::Rows value) {
  return fmt::format("Rows::{}", plan::name_of(value, plan::rows_names));
}

std::string_view name_of(gpu::Element element) {
  switch (element) {
    case gpu::Element::float64:
      return "float64";
    case gpu::Element::float16:
      return "float16";
    case gpu::Element::bfloat16:
      return "bfloat16";
    case gpu::Element::float32:
      break;
  }
  return "float32";
}

std::string_view name_of(gpu::Function function) {
  switch (function) {
    case gpu::Function::relu:
      return "relu";
    case gpu::Function::leaky_relu:
      return "leaky_relu";
    case gpu::Function::none:
      break;
  }
  return "none";
}

std::string text_of(const gpu::Activation& activation) {
  if (activation.function != gpu::Function::leaky_relu)
    return fmt::format("{{.function = Function::{}}}", name_of(activation.function));
  return fmt::format("{{.function = Function::{}, .negative_slope = {:a}}}", name_of(activation.function),
                     activation.negative_slope);
}

std::string layer_text(const gpu::Layer& layer) {
  return fmt::format(
      "constexpr Layer layer = {{\n"
      "    .groups = {},\n    .in_channels = {},\n    .out_channels = {},\n    .kernel_size = {},\n    .stride = {},\n"
      "    .dilation = {},\n    .offset = {},\n    .element = Element::{},\n    .bias = {},\n    .prologue = {},\n"
      "    .epilogue = {},\n}};\n",
      layer.groups, layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.dilation,
      layer.offset, name_of(layer.element), layer.bias, text_of(layer.prologue), text_of(layer.epilogue));
}

// What the host computed, against the same constants as the compiler of the kernel sees them.
std::string layer_checks(const plan::GpuProblem& problem) {
  const plan::Polyphase& p = problem.polyphase;
  return fmt::format(
      "static_assert(layer.polyphase().phases() == {} && layer.polyphase().max_taps() == {});\n"
      "static_assert(layer.polyphase().tap_step() == {} && layer.polyphase().input_step() == {});\n",
      p.phases(), p.max_taps(), p.tap_step, p.input_step);
}

std::string tile_text(const plan::GpuProblem& problem, const plan::GpuTile& any, std::size_t index) {
  const plan::GpuLaunch launch = plan::launch_of(problem, any, 1, 1);
  return std::visit(
      [&]<typename Tile>(const Tile& tile) {
        using Text = plan::GpuTileText<Tile>;
        const std::string name = fmt::format("tile_{}", index);
        std::string text = fmt::format("\nconstexpr {} {} = {{\n", Text::type, name);
        const auto add = [&](const auto& field) {
          text += fmt::format("    .{} = {},\n", field.name, text_of(tile.*field.member));
        };
        std::apply([&](const auto&... field) { (add(field), ...); }, Text::fields);
        text += fmt::format("}};\nstatic_assert({}.shared_bytes(layer) == {});\n", name, launch.shared_bytes);
        int residency = 1;
        if constexpr (requires { tile.blocks_per_multiprocessor; }) residency = tile.blocks_per_multiprocessor;
        text += fmt::format(
            "extern \"C\" __global__ void __launch_bounds__({}, {}) {}(const __grid_constant__ Arguments arguments) "
            "{{\n"
            "  {}<layer, {}>(arguments);\n}}\n",
            launch.threads, residency, kernel_symbol(index), Text::name, name);
        return text;
      },
      any);
}

}  // namespace

std::string generate(const plan::GpuProblem& problem, const plan::GpuPlan& plan) {
  std::string text = fmt::format("// layer   {}\n", to_json(problem.spec));
  for (const plan::GpuTile& tile : plan.tiles) text += fmt::format("// plan    {}\n", plan::to_string(tile));
  text += fmt::format("// target  {}\n", problem.target.name);
  std::vector<std::string_view> included;
  for (const plan::GpuTile& tile : plan.tiles) {
    const std::string_view name = plan::strategy_of(tile).name;
    if (std::ranges::find(included, name) != included.end()) continue;
    included.push_back(name);
    text += fmt::format("#include \"templates/cuda/{}.h\"\n", name);
  }
  text += "\nusing namespace unstride::gpu;\n\n";
  text += layer_text(problem.layer) + layer_checks(problem);
  for (std::size_t i = 0; i < plan.tiles.size(); ++i) text += tile_text(problem, plan.tiles[i], i);
  return text;
}

std::string kernel_symbol(std::size_t index) {
  return fmt::format("unstride_{}", index);
}

}  // namespace unstride::cuda
