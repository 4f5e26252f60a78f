// Writing a file so that its name never stands for half of it: a temporary file beside it, renamed when complete.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string_view>

namespace unstride::tools {

/// Replaces the file by the pieces, one after the other. What is no regular file (/dev/null, a pipe) is written to
/// directly. Throws Error naming the file and the reason; then the old file is still whole.
void write_file(const std::filesystem::path& path, std::initializer_list<std::string_view> pieces);

}  // namespace unstride::tools
