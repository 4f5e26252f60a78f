#include "tools/unstride/describe.h"

#include <fmt/format.h>

namespace unstride::command {
namespace {

std::string describe(const Activation& activation) {
  switch (activation.op) {
    case Activation::Op::none:
      return "none";
    case Activation::Op::relu:
      return "relu";
    case Activation::Op::leaky_relu:
      return fmt::format("leaky_relu({})", activation.negative_slope);
  }
  return "?";
}

}  // namespace

std::string describe(const LayerSpec& spec) {
  const LayerSpec defaults;
  std::string text =
      fmt::format("{} -> {}, kernel {}, stride {}", spec.in_channels, spec.out_channels, spec.kernel_size, spec.stride);
  if (spec.padding != defaults.padding) text += fmt::format(", padding {}", spec.padding);
  if (spec.output_padding != defaults.output_padding) text += fmt::format(", output_padding {}", spec.output_padding);
  if (spec.dilation != defaults.dilation) text += fmt::format(", dilation {}", spec.dilation);
  if (spec.groups != defaults.groups) text += fmt::format(", groups {}", spec.groups);
  if (spec.trim != defaults.trim) text += fmt::format(", trim [{}, {}]", spec.trim[0], spec.trim[1]);
  if (!spec.bias) text += ", no bias";
  if (spec.prologue != defaults.prologue) text += fmt::format(", prologue {}", describe(spec.prologue));
  if (spec.epilogue != defaults.epilogue) text += fmt::format(", epilogue {}", describe(spec.epilogue));
  text += fmt::format(", {}", name(spec.dtype));
  if (spec.math == Math::fast) text += ", fast math";
  return text;
}

}  // namespace unstride::command
