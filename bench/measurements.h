// The measurements of docs/benchmarks.md. Each prints a table to standard output and returns the same as JSON.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace unstride::bench {

/// What this machine can do: FMA peak, peak of bfloat16 products, copy bandwidth by working set, on 1 and on all
/// threads.
nlohmann::json machine(int rounds);

/// Cold compile, spec to callable, of every layer of the corpus and of some that are extreme.
nlohmann::json compile_times(const std::filesystem::path& corpus);

/// NVRTC: cold compile of every layer of the corpus for one architecture, and until the bytes of a cached one are
/// ready. Needs no GPU; nothing but a line without NVRTC.
nlohmann::json gpu_compile_times(const std::filesystem::path& corpus);

/// Share of the FMA peak that single-threaded kernels reach, the peak measured between their runs.
nlohmann::json peak_share(int rounds);

/// Ten lengths on one kernel: the first call at each against the median of the following ones.
nlohmann::json new_lengths(int rounds);

/// The corpus from a warm cache in fresh engines: load_ms of each layer against its cold compile, and compile() once
/// more in the same engine; then from a bundle in fresh processes that may not compile, against cold ones.
nlohmann::json warm_start(const std::filesystem::path& corpus);

/// What a call costs above its work: the smallest layers on one thread.
nlohmann::json call_overhead(const std::filesystem::path& corpus, int rounds);

/// What a call on two threads takes above half of the time on one, for layers small and large.
nlohmann::json fork_join(int rounds);

/// 200 different lengths in random order, per input position, against as many calls at one length.
nlohmann::json length_sweep(int rounds);

/// Which cases of the corpus, and how.
struct PeerOptions {
  std::filesystem::path corpus;
  std::string filter;                 ///< part of the layer's name or shape, in any case of letters; empty takes all
  std::vector<std::int64_t> lengths;  ///< instead of the layers' own
  std::vector<int> threads = {1, 2};
  std::vector<std::string> peers;  ///< names; empty takes all
  std::string dtype = "float32";   ///< or "bfloat16", "float16"
  bool fast = false;               ///< Math::fast; then strict math is timed beside it
  std::int64_t batch = 1;
  bool headline = false;  ///< only the layers marked so
  bool cold = false;      ///< inputs and outputs come from beyond the second-level cache
  double max_operations = std::numeric_limits<double>::infinity();  ///< leaves larger cases out
  double patience_seconds = 0.5;  ///< for a sample that nothing disturbs (support/undisturbed.h)
  double budget_seconds = std::numeric_limits<double>::infinity();  ///< starts no further case after this time
  int rounds = 5;
};

/// unstride against every peer that was built in, interleaved, with each case's roofline measured in the same rounds.
/// The result's "mismatches" counts the contenders whose results differ from unstride's; they are not timed.
nlohmann::json peers(const PeerOptions& options);

}  // namespace unstride::bench
