#include "cache/difference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace unstride {

namespace {

constexpr std::size_t short_enough = 100;

std::vector<std::string_view> parts(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const std::size_t length = std::min(text.find_first_of(" ,"), text.size());
    if (length > 0) all.push_back(text.substr(0, length));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return all;
}

// Where the two begin to differ, and a little on both sides.
std::string around_first_difference(const std::string& value, const std::string& other) {
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(value, other).in1 - value.begin());
  const std::size_t begin = at < 20 ? 0 : at - 20;
  const std::string_view shown = std::string_view(value).substr(begin, short_enough);
  return fmt::format("{}{}{}", begin > 0 ? "..." : "", shown, begin + shown.size() < value.size() ? "..." : "");
}

// A long value, such as a list of features, as the parts of it that the other one does not have: what differs is never
// cut off.
std::string excerpt(const std::string& value, const std::string& other) {
  if (value.empty()) return "nothing";
  if (value.size() <= short_enough) return value;
  const std::vector<std::string_view> others = parts(other);
  std::vector<std::string_view> own = parts(value);
  std::erase_if(own, [&](std::string_view part) { return std::ranges::find(others, part) != others.end(); });
  const std::string text = fmt::format("... {} ...", fmt::join(own, " "));
  return own.empty() || text.size() > short_enough ? around_first_difference(value, other) : text;
}

}  // namespace

std::string to_string(const CacheExplanation::Difference& difference) {
  return fmt::format("{}: wanted {}, found {}", difference.label, excerpt(difference.wanted, difference.found),
                     excerpt(difference.found, difference.wanted));
}

}  // namespace unstride

namespace unstride::cache {

namespace {

using Json = nlohmann::json;

// As it is where one of them is no JSON object.
std::vector<Difference> by_member(const Difference& difference) {
  const Json wanted = Json::parse(difference.wanted, nullptr, false);
  const Json found = Json::parse(difference.found, nullptr, false);
  if (!wanted.is_object() || !found.is_object()) return {difference};
  Json all = wanted;
  all.update(found);
  std::vector<Difference> members;
  for (const auto& [name, ignored] : all.items()) {
    const auto text = [&name = name](const Json& object) { return object.contains(name) ? object[name].dump() : ""; };
    if (text(wanted) != text(found))
      members.push_back({fmt::format("{}.{}", difference.label, name), text(wanted), text(found)});
  }
  return members.empty() ? std::vector{difference} : members;  // the same values, written in two ways
}

std::string value_of(const std::vector<Field>& fields, const std::string& label) {
  const auto found = std::ranges::find(fields, label, &Field::label);
  return found == fields.end() ? std::string() : found->value;
}

}  // namespace

std::vector<Difference> differences(const std::vector<Field>& wanted, const std::vector<Field>& found) {
  std::vector<Difference> all;
  for (const auto& [label, value] : wanted) {
    const std::string other = value_of(found, label);
    if (value == other) continue;
    for (Difference& difference : by_member({label, value, other})) all.push_back(std::move(difference));
  }
  for (const auto& [label, value] : found)
    if (std::ranges::find(wanted, label, &Field::label) == wanted.end()) all.push_back({label, "", value});
  return all;
}

}  // namespace unstride::cache
