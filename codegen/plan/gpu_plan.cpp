#include "codegen/plan/gpu_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

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

constexpr std::string_view calls_key = "columns=", others = "others";

std::string calls_text(const GpuPlan& plan, std::size_t tile) {
  std::string text;
  for (const GpuCalls& calls : plan.measured)
    if (calls.tile == tile) text += fmt::format("{}{}..{}", text.empty() ? "" : ",", calls.least, calls.most);
  if (text.empty()) return {};
  const bool predicted = tile + plan.only_where_measured < plan.tiles.size();
  return fmt::format("{}{}{}{}: ", calls_key, predicted ? others : "", predicted ? "," : "", text);
}

// "65..256"
GpuCalls parse_calls(std::string_view text, std::size_t tile) {
  GpuCalls calls{.tile = tile};
  const auto number = [](std::string_view digits, std::int64_t& value) {
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
    return error == std::errc() && end == digits.end() && value > 0;
  };
  const auto dots = text.find("..");
  if (dots == text.npos || !number(text.substr(0, dots), calls.least) || !number(text.substr(dots + 2), calls.most) ||
      calls.most < calls.least)
    throw ArgumentError(fmt::format("plan: \"{}{}\": must be \"others\" or ranges like 65..256", calls_key, text));
  return calls;
}

// What stands before a tile; the tile itself is left in `text`. True if it is for calls that no range is for.
bool parse_calls_before_tile(std::string_view& text, GpuPlan& plan) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto end = text.find(':');
  if (!text.starts_with(calls_key) || end == text.npos) return true;
  std::string_view list = text.substr(calls_key.size(), end - calls_key.size());
  text.remove_prefix(end + 1);
  bool predicted = false;
  while (true) {
    const std::string_view item = list.substr(0, list.find(','));
    if (item == others)
      predicted = true;
    else
      plan.measured.push_back(parse_calls(item, plan.tiles.size()));
    if (item.size() == list.size()) return predicted;
    list.remove_prefix(item.size() + 1);
  }
}

void require_disjoint(std::vector<GpuCalls>& measured) {
  std::ranges::sort(measured, {}, &GpuCalls::least);
  const auto overlap =
      std::ranges::adjacent_find(measured, [](const GpuCalls& a, const GpuCalls& b) { return b.least <= a.most; });
  if (overlap != measured.end())
    throw ArgumentError(fmt::format("plan: \"{}{}..{}\": other tiles are for some of these calls", calls_key,
                                    overlap->least, overlap->most));
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
  for (std::size_t i = 0; i < plan.tiles.size(); ++i)
    text += (text.empty() ? "" : "; ") + calls_text(plan, i) + to_string(plan.tiles[i]);
  return text;
}

GpuPlan parse_gpu_plan(std::string_view text) {
  GpuPlan plan;
  while (true) {
    const auto end = text.find(';');
    std::string_view tile = text.substr(0, end);
    const bool predicted = parse_calls_before_tile(tile, plan);
    if (predicted && plan.only_where_measured > 0)
      throw ArgumentError("plan: tiles for other calls than those of a range must come first");
    if (!predicted && plan.tiles.empty())
      throw ArgumentError("plan: the first tile must take the calls that no range is for");
    plan.only_where_measured += predicted ? 0 : 1;
    PlanFields fields(tile);
    plan.tiles.push_back(parse_tile(fields));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  require_disjoint(plan.measured);
  return plan;
}

}  // namespace unstride::plan
