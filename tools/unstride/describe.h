// A layer in one line, for people: "512 -> 256, kernel 16, stride 8, padding 4, float32".
#pragma once

#include <string>

#include "unstride/spec.hpp"

namespace unstride::command {

/// The sizes and the type, and every other field that is not at its default.
std::string describe(const LayerSpec& spec);

}  // namespace unstride::command
