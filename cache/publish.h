// Making bytes visible under a name all at once: temp file, fsync, rename.
#pragma once

#include <string>
#include <string_view>

#include "cache/safe_folder.h"

namespace unstride::cache {

/// Throws std::system_error or Refused (cache/entry_file.h), and leaves no temp file behind.
void publish_file(int root, const std::string& hex, std::string_view bytes, bool trust_foreign);

}  // namespace unstride::cache
