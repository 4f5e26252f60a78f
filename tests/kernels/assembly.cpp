#include "tests/kernels/assembly.h"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

namespace unstride::testing {

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

struct Loop {
  std::size_t begin, end;  // lines; a jump at `end` goes back to the label at `begin`
};

std::vector<Loop> loops(const std::vector<std::string>& lines) {
  static const std::regex label(R"(^(\.L\w+):.*)"), jump(R"(^\s*j\w+\s+(\.L\w+).*)");
  std::map<std::string, std::size_t> seen;
  std::vector<Loop> result;
  std::smatch match;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (std::regex_match(lines[i], match, label)) seen[match[1]] = i;
    if (std::regex_match(lines[i], match, jump))
      if (const auto found = seen.find(match[1]); found != seen.end()) result.push_back({found->second, i});
  }
  return result;
}

bool multiplies(const std::string& line) {
  return contains(line, "vfmadd") || contains(line, "dpbf16ps");
}

// Whether it contains another that multiplies.
bool contains_another(const Loop& outer, const std::vector<Loop>& all, const std::vector<std::string>& lines) {
  const auto at = [&](std::size_t line) { return lines.begin() + static_cast<std::ptrdiff_t>(line); };
  for (const Loop& inner : all)
    if (inner.begin >= outer.begin && inner.end <= outer.end &&
        (inner.begin != outer.begin || inner.end != outer.end) &&
        std::any_of(at(inner.begin), at(inner.end), multiplies))
      return true;
  return false;
}

}  // namespace

std::vector<TileFunction> tile_functions(const std::string& assembly, const std::string& strategy) {
  const std::regex start("^(" + strategy + R"(_(\d+)phases_(\d+)taps_(\d+)columns[.\d]*):.*)");
  std::vector<TileFunction> functions;
  bool inside = false;
  std::istringstream text(assembly);
  std::smatch match;
  for (std::string line; std::getline(text, line);) {
    if (std::regex_match(line, match, start)) {
      functions.push_back({match[1], std::stoll(match[2]), std::stoll(match[3]), std::stoll(match[4]), {}});
      inside = true;
    } else if (line.starts_with(".Lfunc_end")) {
      inside = false;
    } else if (inside) {
      functions.back().lines.push_back(line);
    }
  }
  return functions;
}

HotLoop hottest_innermost_loop(const TileFunction& function) {
  // The base pointer points into the stack where it was made to; else it is a register like the others.
  bool frame = false;
  for (const std::string& line : function.lines) frame |= contains(line, "%rsp, %rbp");
  const std::vector<Loop> all = loops(function.lines);
  HotLoop hottest;
  for (const Loop& loop : all) {
    if (contains_another(loop, all, function.lines)) continue;
    HotLoop current;
    for (std::size_t i = loop.begin; i <= loop.end; ++i) {
      const std::string& line = function.lines[i];
      if (multiplies(line)) ++current.fmas;
      if (contains(line, "(%rsp") || (frame && contains(line, "(%rbp"))) {
        ++current.stack_operands;
        current.example = line;
        if (contains(line, "mm")) ++current.stack_vectors;
      }
    }
    if (current.fmas > hottest.fmas) hottest = current;
  }
  return hottest;
}

}  // namespace unstride::testing
