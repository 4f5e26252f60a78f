// A compiler's log with the lines of source that it speaks of: who reads it has neither file at hand.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/cuda/nvrtc.h"

namespace unstride::cuda {

/// The log, then for each line that it names as `file(line): ...` that line with its neighbours, numbered; at most
/// `most` places.
std::string with_source_lines(std::string_view log, std::span<const NamedText> files, int most = 4);

}  // namespace unstride::cuda
