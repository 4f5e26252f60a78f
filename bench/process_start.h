// The corpus as a process meets it that has just begun: every layer compiled, its weights packed, and run once.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace unstride::bench {

/// In this process: from the bundle under CacheMode::require, or, where that is empty, compiled with no cache at all.
/// One thread; each layer at its shortest length. Gives ready_s (all compile() calls), compilations (how often the
/// engine entered code generation) and a digest of all outputs.
nlohmann::json start_here(const std::filesystem::path& corpus, const std::string& bundle);

/// The same in a new process of this program. Adds process_s, from its start to its end. Throws Error when it failed.
nlohmann::json start_in_new_process(const std::filesystem::path& corpus, const std::string& bundle,
                                    const std::filesystem::path& scratch_folder);

}  // namespace unstride::bench
