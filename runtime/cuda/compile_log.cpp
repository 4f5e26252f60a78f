#include "runtime/cuda/compile_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

namespace unstride::cuda {

namespace {

constexpr int neighbours = 2;

struct Place {
  std::string_view file;
  int line = 0;
  friend bool operator<(const Place& a, const Place& b) { return std::tie(a.file, a.line) < std::tie(b.file, b.line); }
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// "kernel.cu(12): error: ..." names kernel.cu, line 12.
std::optional<Place> place_in(std::string_view line) {
  const std::size_t open = line.find('('), close = line.find("):");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  Place place{line.substr(0, open), 0};
  const char* end = line.data() + close;
  const auto [rest, error] = std::from_chars(line.data() + open + 1, end, place.line);
  if (error != std::errc() || rest != end) return {};
  return place;
}

std::string excerpt(const Place& place, std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  std::string result = fmt::format("{}:\n", place.file);
  const int last = std::min(place.line + neighbours, static_cast<int>(lines.size()));
  for (int number = std::max(place.line - neighbours, 1); number <= last; ++number)
    result += fmt::format("{} {:>5} | {}\n", number == place.line ? ">" : " ", number,
                          lines[static_cast<std::size_t>(number) - 1]);
  return result;
}

}  // namespace

std::string with_source_lines(std::string_view log, std::span<const NamedText> files, int most) {
  std::string result(log);
  if (!result.empty() && result.back() != '\n') result += '\n';
  std::set<Place> shown;
  for (const std::string_view line : lines_of(log)) {
    const auto place = place_in(line);
    if (!place || std::ssize(shown) >= most) continue;
    const auto file = std::ranges::find(files, place->file, &NamedText::name);
    if (file != files.end() && shown.insert(*place).second) result += excerpt(*place, file->text);
  }
  return result;
}

}  // namespace unstride::cuda
