// What compiling and loading took, for CompileInfo.
#pragma once

#include <chrono>

namespace unstride {

class Stopwatch {
 public:
  /// Milliseconds since construction or the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double, std::milli> elapsed = now - start_;
    start_ = now;
    return elapsed.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace unstride
