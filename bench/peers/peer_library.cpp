#include "bench/peers/peer_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

namespace unstride::bench {

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> names = {"onednn", "gemm"};
  return names;
}

std::vector<Peer> load_peers(const std::vector<std::string>& names) {
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::vector<Peer> peers;
  for (const std::string& name : names) {
    const std::filesystem::path file = folder / fmt::format("libunstride_peer_{}.so", name);
    if (!std::filesystem::exists(file)) {
      fmt::print("  {:8}  not built: docs/benchmarks.md says what it needs\n", name);
      continue;
    }
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw Error(dlerror());
    const auto define = reinterpret_cast<decltype(&unstride_bench_peer)>(dlsym(library, "unstride_bench_peer"));
    if (!define) throw Error(dlerror());
    Peer peer;
    define(peer);
    fmt::print("  {:8}  {}\n", peer.name, peer.version);
    peers.push_back(std::move(peer));
  }
  return peers;
}

}  // namespace unstride::bench
