// The comparison as a table: a line a case as it is measured, and what they come to.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "unstride/spec.hpp"

namespace unstride::bench {

/// Sets row["best_peer"], ["best_us"] and ["ratio"], the best peer's time over ours; null where no peer did the case.
void add_best_peer(nlohmann::json& row);

/// "512 -> 256 k16 s8", with dilation (d) and groups (g) where they are not 1.
std::string shape_text(const LayerSpec& spec);

void print_peer_header();
void print_peer_row(const nlohmann::json& row);

/// For each number of threads: geometric means, how many cases are slower than a peer, and the worst cases.
nlohmann::json print_peer_summary(const nlohmann::json& rows);

}  // namespace unstride::bench
