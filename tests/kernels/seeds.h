// Seeds of the random tests: a fixed one and one from the clock. UNSTRIDE_TEST_SEED=n in the environment repeats the
// seed that a failure printed.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace unstride::testing {

inline std::vector<std::uint64_t> seeds() {
  if (const char* given = std::getenv("UNSTRIDE_TEST_SEED")) return {std::stoull(given)};
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return {1, static_cast<std::uint64_t>(now) % 1'000'000'000};
}

}  // namespace unstride::testing
