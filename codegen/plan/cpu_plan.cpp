#include "codegen/plan/cpu_plan.h"

#include <fmt/format.h>

#include "codegen/plan/plan_fields.h"

namespace unstride::plan {

namespace {

constexpr Names<Input, 2> input_names = {{{"packed", Input::packed}, {"direct", Input::direct}}};
constexpr Names<Prefetch, 3> prefetch_names = {
    {{"none", Prefetch::none}, {"weights", Prefetch::weights}, {"input", Prefetch::input}}};

struct Printer {
  std::string operator()(const RowLanes& t) const {
    return fmt::format("{} vectors={} columns={}", t.strategy(), t.vectors, t.columns);
  }
  std::string operator()(const Depthwise& t) const { return fmt::format("{} vectors={}", Depthwise::name, t.vectors); }
  std::string operator()(const ColumnLanes& t) const {
    return fmt::format("{} channels={} vectors={} tail={}", ColumnLanes::name, t.channels, t.vectors, t.tail_vectors);
  }
  std::string operator()(const AmxTiles& t) const {
    return fmt::format("{} rows={} columns={} tail={} input_parts={}", AmxTiles::name, t.rows, t.columns,
                       t.tail_columns, t.input_parts);
  }
};

}  // namespace

std::string_view CpuPlan::strategy() const {
  if (const auto* row_lanes = std::get_if<RowLanes>(&tile)) return row_lanes->strategy();
  return std::visit([](const auto& t) { return t.name; }, tile);
}

std::int64_t CpuPlan::strip_columns(std::int64_t call_columns) const {
  const auto* row_lanes = std::get_if<RowLanes>(&tile);
  const bool one_tile_each = row_lanes && strip == row_lanes->columns;
  // The last tile of a call may be wider than what is left of it: the panel must have room.
  if (!one_tile_each || call_columns >= 4 * strip || call_columns + strip > column_block) return strip;
  const int columns = static_cast<int>(call_columns);
  // A tile costs about a column more than it has.
  const auto cost = [&](int width) {
    const int last = columns % width == 0 ? 0 : row_lanes->width_for(columns % width) + 1;
    return columns / width * (width + 1) + last;
  };
  int best = row_lanes->columns;
  for (int width = best - row_lanes->step(); width >= row_lanes->narrowest(); width -= row_lanes->step())
    if (cost(width) < cost(best)) best = width;
  return best;
}

std::string to_string(const CpuPlan& plan) {
  return fmt::format("{} input={} prefetch={} taps={} channel_block={} strip={} column_block={}",
                     std::visit(Printer{}, plan.tile), name_of(plan.input, input_names),
                     name_of(plan.prefetch, prefetch_names), plan.unrolled_taps, plan.channel_block, plan.strip,
                     plan.column_block);
}

CpuPlan parse_plan(std::string_view text) {
  PlanFields fields(text);
  CpuPlan plan;
  const bool pairs = fields.name() == RowLanes::name_of_pairs, one_phase = fields.name() == RowLanes::name_of_one_phase;
  if (fields.name() == RowLanes::name || pairs || one_phase) {
    plan.tile = RowLanes{fields.take_int("vectors"), fields.take_int("columns"), pairs, one_phase};
  } else if (fields.name() == ColumnLanes::name) {
    plan.tile = ColumnLanes{fields.take_int("channels"), fields.take_int("vectors"), fields.take_int("tail")};
  } else if (fields.name() == Depthwise::name) {
    plan.tile = Depthwise{fields.take_int("vectors")};
  } else if (fields.name() == AmxTiles::name) {
    plan.tile = AmxTiles{fields.take_int("rows"), fields.take_int("columns"), fields.take_int("tail"),
                         fields.take_int("input_parts")};
  } else {
    throw ArgumentError(fmt::format("plan: \"{}\": strategies are {}, {}, {}, {}, {}, {}", fields.name(),
                                    RowLanes::name, RowLanes::name_of_one_phase, ColumnLanes::name, Depthwise::name,
                                    RowLanes::name_of_pairs, AmxTiles::name));
  }
  plan.input = fields.take_choice("input", input_names);
  plan.prefetch = fields.take_choice("prefetch", prefetch_names);
  plan.unrolled_taps = fields.take_int("taps");
  plan.channel_block = fields.take_number("channel_block");
  plan.strip = fields.take_number("strip");
  plan.column_block = fields.take_number("column_block");
  fields.expect_empty();
  return plan;
}

int lanes(const LayerSpec& spec, int vector_bytes) {
  return static_cast<int>(vector_bytes / size_in_bytes(accumulator_of(spec.dtype)));
}

}  // namespace unstride::plan
