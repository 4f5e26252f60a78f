// What a run computes on: arrays from .npy files, seeded random ones in place of those that are not given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride::command {

struct RunDataOptions {
  std::string input, weight, bias;  ///< paths of .npy files; empty: random data
  std::optional<std::int64_t> batch, length;
  std::uint64_t seed = 0;
};

template <typename T>
struct RunData {
  std::int64_t batch = 1;
  std::int64_t length = 0;
  bool batched = true;  ///< false when the input file holds (in_channels, L)
  std::vector<T> x, w, b;
};

/// T is the type that spec.dtype says. Throws UsageError where an array does not fit the spec or the options.
template <typename T>
RunData<T> make_run_data(const LayerSpec& spec, const RunDataOptions& options);

/// Zeros for an array of that shape, which a MovableArray takes over without copying. Throws Error naming the array and
/// its size when there is no such memory.
template <typename T>
std::vector<T> allocate(const char* what, const std::vector<std::int64_t>& shape);

}  // namespace unstride::command
