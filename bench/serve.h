// Measuring on request, for a program that measures something else in turn (bench/pytorch_peers.py).
#pragma once

#include <filesystem>
#include <iosfwd>

namespace unstride::bench {

/// Answers each line of `in` with a line on `out`, until `in` ends; both are JSON. Requests name a case as
/// {"id": layer, "length": L, "threads": T, "dtype": "float32" or "bfloat16", "fast": true or false}, batch 1, and one
/// thing to do:
///
///     "do": "sample"             {"us": time of a call now}; see CallTimer::sample
///     "do": "output", "to": F    {"outputs": count}, and writes the output's elements to the file F. Inputs, weights
///     and
///                                bias are tools::random_values with seeds 1, 2 and 3
///
/// What cannot be done is answered with {"error": reason}. The case last named stays ready.
void serve(const std::filesystem::path& corpus, std::istream& in, std::ostream& out);

}  // namespace unstride::bench
