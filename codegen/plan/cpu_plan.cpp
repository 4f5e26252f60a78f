#include "codegen/plan/cpu_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace unstride::plan {

namespace {

// "name key=value key=value ..." -> values, each used exactly once.
class Fields {
 public:
  explicit Fields(std::string_view text) {
    while (!text.empty()) {
      const std::string_view word = text.substr(0, text.find(' '));
      text.remove_prefix(std::min(text.size(), word.size() + 1));
      if (word.empty()) continue;
      const auto equals = word.find('=');
      if (equals != word.npos) {
        if (!values_.emplace(word.substr(0, equals), word.substr(equals + 1)).second)
          throw ArgumentError(fmt::format("plan: \"{}\": given twice", word.substr(0, equals)));
      } else if (name_.empty()) {
        name_ = word;
      } else {
        throw ArgumentError(fmt::format("plan: \"{}\": expected key=value", word));
      }
    }
  }

  std::string_view name() const { return name_; }

  std::string_view take(std::string_view key) {
    const auto found = values_.find(key);
    if (found == values_.end()) throw ArgumentError(fmt::format("plan: {} needs \"{}=\"", name_, key));
    const std::string_view value = found->second;
    values_.erase(found);
    return value;
  }

  std::int64_t take_number(std::string_view key) {
    const std::string_view digits = take(key);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
    // Far above any plan, far below where products of two such numbers would overflow.
    if (error != std::errc() || end != digits.end() || value < 1 || value > std::int64_t{1} << 30)
      throw ArgumentError(fmt::format("plan: \"{}={}\": must be a number from 1 to 2^30", key, digits));
    return value;
  }

  int take_int(std::string_view key) { return static_cast<int>(take_number(key)); }

  Input take_input() {
    const std::string_view value = take("input");
    if (value == "packed") return Input::packed;
    if (value == "direct") return Input::direct;
    throw ArgumentError(fmt::format("plan: \"input={}\": must be packed or direct", value));
  }

  void expect_empty() const {
    if (!values_.empty()) throw ArgumentError(fmt::format("plan: {} has no \"{}\"", name_, values_.begin()->first));
  }

 private:
  std::string_view name_;
  std::map<std::string_view, std::string_view> values_;
};

struct Printer {
  std::string operator()(const RowLanes& t) const {
    return fmt::format("{} vectors={} columns={} tail={}", RowLanes::name, t.vectors, t.columns, t.tail_columns);
  }
  std::string operator()(const ColumnLanes& t) const {
    return fmt::format("{} channels={} vectors={} tail={}", ColumnLanes::name, t.channels, t.vectors, t.tail_vectors);
  }
  std::string operator()(const AmxTiles& t) const {
    return fmt::format("{} rows={} columns={} tail={}", AmxTiles::name, t.rows, t.columns, t.tail_columns);
  }
};

}  // namespace

std::string_view CpuPlan::strategy() const {
  return std::visit([](const auto& t) { return t.name; }, tile);
}

std::string to_string(const CpuPlan& plan) {
  return fmt::format("{} input={} taps={} channel_block={} strip={} column_block={}", std::visit(Printer{}, plan.tile),
                     plan.input == Input::packed ? "packed" : "direct", plan.unrolled_taps, plan.channel_block,
                     plan.strip, plan.column_block);
}

CpuPlan parse_plan(std::string_view text) {
  Fields fields(text);
  CpuPlan plan;
  if (fields.name() == RowLanes::name) {
    plan.tile = RowLanes{fields.take_int("vectors"), fields.take_int("columns"), fields.take_int("tail")};
  } else if (fields.name() == ColumnLanes::name) {
    plan.tile = ColumnLanes{fields.take_int("channels"), fields.take_int("vectors"), fields.take_int("tail")};
  } else if (fields.name() == AmxTiles::name) {
    plan.tile = AmxTiles{fields.take_int("rows"), fields.take_int("columns"), fields.take_int("tail")};
  } else {
    throw ArgumentError(fmt::format("plan: \"{}\": strategies are {}, {}, {}", fields.name(), RowLanes::name,
                                    ColumnLanes::name, AmxTiles::name));
  }
  plan.input = fields.take_input();
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
