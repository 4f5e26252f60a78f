#include "codegen/plan/kernel_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace unstride::plan {

namespace {

constexpr std::string_view range = "columns<=";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  return begin == text.npos ? std::string_view{} : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

Variant parse_variant(std::string_view text) {
  if (!text.starts_with(range)) return {parse_plan(text)};
  const std::string_view number = text.substr(range.size(), text.find(':') - range.size());
  std::int64_t columns = 0;
  const auto [end, error] = std::from_chars(number.begin(), number.end(), columns);
  if (error != std::errc() || end != number.end() || columns < 1 || text.find(':') == text.npos)
    throw ArgumentError(fmt::format("plan: \"{}\": a range is written \"{}8: \" before its plan", text, range));
  return {parse_plan(text.substr(text.find(':') + 1)), columns};
}

}  // namespace

std::size_t KernelPlan::index_for(std::int64_t columns) const {
  const auto found = std::ranges::lower_bound(variants, columns, {}, &Variant::most_columns);
  return static_cast<std::size_t>(found - variants.begin());
}

std::string to_string(const KernelPlan& plan) {
  std::string text;
  for (const Variant& variant : plan.variants) {
    if (!text.empty()) text += "; ";
    if (variant.most_columns != Variant::any) text += fmt::format("{}{}: ", range, variant.most_columns);
    text += to_string(variant.plan);
  }
  return text;
}

KernelPlan parse_kernel_plan(std::string_view text) {
  KernelPlan plan;
  while (true) {
    const auto end = text.find(';');
    const Variant variant = parse_variant(trimmed(text.substr(0, end)));
    if (!plan.variants.empty() && plan.variants.back().most_columns >= variant.most_columns)
      throw ArgumentError("plan: the ranges of columns must ascend, and the plan for all others come last");
    plan.variants.push_back(variant);
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  if (plan.variants.back().most_columns != Variant::any)
    throw ArgumentError("plan: the last plan must be for any number of columns");
  return plan;
}

}  // namespace unstride::plan
