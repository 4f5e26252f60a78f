#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "unstride/cache.hpp"

namespace unstride {

namespace {

struct ModeName {
  CacheMode mode;
  std::string_view name;
};

constexpr std::array modes = {
    ModeName{CacheMode::read_write, "rw"},   ModeName{CacheMode::read_only, "ro"},
    ModeName{CacheMode::off, "off"},         ModeName{CacheMode::require, "require"},
    ModeName{CacheMode::refresh, "refresh"}, ModeName{CacheMode::verify, "verify"},
};

}  // namespace

CacheMode parse_cache_mode(std::string_view text) {
  const auto found = std::ranges::find(modes, text, &ModeName::name);
  if (found != modes.end()) return found->mode;
  std::vector<std::string_view> names;
  for (const ModeName& mode : modes) names.push_back(mode.name);
  throw ArgumentError(fmt::format("\"{}\": must be one of {}", text, fmt::join(names, ", ")));
}

std::string_view name(CacheMode mode) noexcept {
  const auto found = std::ranges::find(modes, mode, &ModeName::mode);
  return found == modes.end() ? std::string_view() : found->name;
}

}  // namespace unstride
