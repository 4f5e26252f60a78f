// The headline layers of the corpus: each one compiled, timed and verified.
#pragma once

#include <filesystem>
#include <unstride/unstride.hpp>

namespace demo {

/// Prints one row for each layer. Returns whether all of them verify.
bool layer_table(const unstride::Engine& engine, const std::filesystem::path& corpus);

}  // namespace demo
