// The JSON header of an entry: to text and back. Text that encode() would not have written is refused.
#pragma once

#include <string>
#include <string_view>

#include "cache/entry.h"

namespace unstride::cache {

std::string write_header(const Header& header);

/// Throws CorruptEntry.
Header read_header(std::string_view text);

}  // namespace unstride::cache
