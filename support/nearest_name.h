// "Did you mean ...?": the known name that a misspelt one most likely stands for.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace unstride::support {

/// The known name nearest to `name`: by edit distance (insertions, deletions, substitutions and transpositions of
/// neighbours, ASCII case ignored) up to a third of the longer name, else the shortest known name that `name` begins
/// ("kernel" for "kernel_size"). Nothing when none is near. Of equally near names, the first.
std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace unstride::support
