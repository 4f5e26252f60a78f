// The text form that plans of all targets have: "name key=value key=value ...".
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "unstride/error.hpp"

namespace unstride::plan {

/// What the values of an enumeration are called.
template <typename Choice, std::size_t n>
using Names = std::array<std::pair<std::string_view, Choice>, n>;
template <typename Choice, std::size_t n>
constexpr std::string_view name_of(Choice choice, const Names<Choice, n>& names) {
  return std::ranges::find(names, choice, [](const auto& entry) { return entry.second; })->first;
}

/// Takes a plan's text apart: each value must be used exactly once. Throws ArgumentError that names what is wrong.
class PlanFields {
 public:
  explicit PlanFields(std::string_view text) {
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

  template <typename Choice, std::size_t n>
  Choice take_choice(std::string_view key, const Names<Choice, n>& names) {
    const std::string_view value = take(key);
    const auto found = std::ranges::find(names, value, [](const auto& entry) { return entry.first; });
    if (found != names.end()) return found->second;
    std::string allowed;
    for (const auto& [name, choice] : names)
      allowed += fmt::format("{}{}", allowed.empty() ? "" : choice == names.back().second ? " or " : ", ", name);
    throw ArgumentError(fmt::format("plan: \"{}={}\": must be {}", key, value, allowed));
  }

  void expect_empty() const {
    if (!values_.empty()) throw ArgumentError(fmt::format("plan: {} has no \"{}\"", name_, values_.begin()->first));
  }

 private:
  std::string_view name_;
  std::map<std::string_view, std::string_view> values_;
};

}  // namespace unstride::plan
