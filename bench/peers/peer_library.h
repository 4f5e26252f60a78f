// Peers are shared objects beside the program, loaded when the comparison begins: a build may lack any of them, and the
// libraries behind them, which start threads as they are loaded, stay out of the way of other measurements.
#pragma once

#include <vector>

#include "bench/peers/contender.h"

namespace unstride::bench {

/// The names of all peers, whether built or not.
const std::vector<std::string>& peer_names();

/// Loads those of the named peers that were built; they stay loaded. Throws Error when one is there but cannot be
/// loaded.
std::vector<Peer> load_peers(const std::vector<std::string>& names);

}  // namespace unstride::bench

/// What each of the shared objects defines.
extern "C" __attribute__((visibility("default"))) void unstride_bench_peer(unstride::bench::Peer& peer);
