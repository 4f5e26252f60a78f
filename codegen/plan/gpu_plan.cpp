#include "codegen/plan/gpu_plan.h"

#include <fmt/format.h>

namespace unstride::plan {

namespace {

std::string text_of(int value) {
  return fmt::format("{}", value);
}
std::string text_of(gpu::Rows value) {
  return std::string(name_of(value, rows_names));
}

void read(PlanFields& fields, std::string_view key, int& value) {
  value = fields.take_int(key);
}
void read(PlanFields& fields, std::string_view key, gpu::Rows& value) {
  value = fields.take_choice(key, rows_names);
}

// The alternative of GpuTile whose strategy has this name; the names that there are go to `known`.
template <std::size_t index = 0>
GpuTile parse_tile(PlanFields& fields, std::string known = {}) {
  if constexpr (index == std::variant_size_v<GpuTile>) {
    throw ArgumentError(fmt::format("plan: \"{}\": strategies are {}", fields.name(), known));
  } else {
    using Tile = std::variant_alternative_t<index, GpuTile>;
    using Text = GpuTileText<Tile>;
    if (fields.name() != Text::name)
      return parse_tile<index + 1>(fields, fmt::format("{}{}{}", known, known.empty() ? "" : ", ", Text::name));
    Tile tile;
    std::apply([&](const auto&... field) { (read(fields, field.name, tile.*field.member), ...); }, Text::fields);
    fields.expect_empty();
    return tile;
  }
}

}  // namespace

std::string_view GpuPlan::strategy() const {
  return std::visit([]<typename Tile>(const Tile&) { return GpuTileText<Tile>::name; }, tiles.front());
}

std::string to_string(const GpuTile& tile) {
  return std::visit(
      []<typename Tile>(const Tile& t) {
        using Text = GpuTileText<Tile>;
        std::string text(Text::name);
        const auto add = [&](const auto& field) {
          text += fmt::format(" {}={}", field.name, text_of(t.*field.member));
        };
        std::apply([&](const auto&... field) { (add(field), ...); }, Text::fields);
        return text;
      },
      tile);
}

std::string to_string(const GpuPlan& plan) {
  std::string text;
  for (const GpuTile& tile : plan.tiles) text += (text.empty() ? "" : "; ") + to_string(tile);
  return text;
}

GpuPlan parse_gpu_plan(std::string_view text) {
  GpuPlan plan;
  while (true) {
    const auto end = text.find(';');
    PlanFields fields(text.substr(0, end));
    plan.tiles.push_back(parse_tile(fields));
    if (plan.tiles.back().index() != plan.tiles.front().index())
      throw ArgumentError("plan: all tiles of a GPU kernel must be of one strategy");
    if (end == text.npos) return plan;
    text.remove_prefix(end + 1);
  }
}

}  // namespace unstride::plan
