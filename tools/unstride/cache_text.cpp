#include "tools/unstride/cache_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "tools/unstride/describe.h"
#include "unstride/spec.hpp"

namespace unstride::command {
namespace {

// Fields of several words: "x86_64-unknown-linux-gnu x86-64-v4 +avx,...", "row_lanes vectors=2 ...". Empty beyond the
// last word.
std::string word(std::string_view text, int index) {
  for (; index > 0; --index) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return {};
    text.remove_prefix(space + 1);
  }
  return std::string(text.substr(0, text.find(' ')));
}

std::string layer_text(const std::string& spec) {
  try {
    return describe(parse_spec(spec));
  } catch (const SpecError&) {  // of another version, or no layer at all
    return spec;
  }
}

}  // namespace

std::string size_text(std::int64_t bytes) {
  if (bytes < 1024) return count_text(bytes, "byte");
  constexpr std::array units = {"KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string time_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm local{};
  std::array<char, 32> text{};
  if (seconds == 0 || !localtime_r(&time, &local)) return "-";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local)};
}

std::string count_text(std::int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string field(const CacheEntry& entry, const std::string& label) {
  const auto found = std::ranges::find(entry.fields, label, &CacheField::label);
  return found == entry.fields.end() ? std::string() : found->value;
}

EntryText entry_text(const CacheEntry& entry) {
  const auto or_dash = [](std::string text) { return text.empty() ? "-" : std::move(text); };
  const std::string target = field(entry, "target"), plan = field(entry, "plan"), level = word(target, 1);
  return {.layer = or_dash(layer_text(field(entry, "spec"))),
          .target = or_dash(level.empty() ? target : level),
          .plan = or_dash(plan.empty() ? field(entry, "kind") : word(plan, 0))};
}

}  // namespace unstride::command
