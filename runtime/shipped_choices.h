// Choices that the makers of unstride measured, in the lines of a .choices.jsonl file (docs/tuning.md).
#pragma once

#include <string_view>

namespace unstride {

extern const std::string_view shipped_choices;

}  // namespace unstride
