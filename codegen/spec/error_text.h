// How errors write field paths and values: as JSON, on one line, never long, whatever the input held.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace unstride::spec {

/// In bytes, a final "..." included.
inline constexpr std::size_t longest_excerpt = 80;

/// At most longest_excerpt bytes of UTF-8 text, ending in "..." if that is not all. No character is cut in two.
std::string shortened(std::string_view text);

/// A string as JSON writes it, shortened.
std::string quoted(std::string_view text);

/// "spec.stride"; a name that is no plain word is quoted: spec["my stride"].
std::string field_path(std::string_view path, std::string_view name);

/// "spec[3]"
std::string element_path(std::string_view path, std::size_t index);

}  // namespace unstride::spec
