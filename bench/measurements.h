// The measurements of docs/benchmarks.md. Each prints a table to standard output and returns the same as JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace unstride::bench {

/// Cold compile, spec to callable, of every layer of the corpus and of some that are extreme.
nlohmann::json compile_times(const std::filesystem::path& corpus);

/// Share of the FMA peak that single-threaded kernels reach, the peak measured between their runs.
nlohmann::json peak_share(int rounds);

/// Ten lengths on one kernel: the first call at each against the median of the following ones.
nlohmann::json new_lengths(int rounds);

/// The corpus from a warm cache in fresh engines: load_ms of each layer against its cold compile, and compile() once
/// more in the same engine; then from a bundle in fresh processes that may not compile, against cold ones.
nlohmann::json warm_start(const std::filesystem::path& corpus);

}  // namespace unstride::bench
