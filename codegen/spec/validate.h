// The rules that the values of a layer must satisfy, wherever the layer came from.
#pragma once

#include <string>
#include <string_view>

#include "unstride/spec.hpp"

namespace unstride::spec {

/// validate(), with errors that name their fields below `path`. Allocates nothing unless it throws.
void validate_at(const LayerSpec& layer, std::string_view path);

/// What is said of a negative_slope that is given to an activation without one.
std::string no_negative_slope(std::string_view activation);

}  // namespace unstride::spec
