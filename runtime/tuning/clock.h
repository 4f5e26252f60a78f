// Time as the tuner sees it, so that tests can simulate it.
#pragma once

#include <chrono>

namespace unstride::tuning {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds since some moment; never goes back.
  virtual double now() = 0;
};

class SteadyClock final : public Clock {
 public:
  double now() override {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
};

}  // namespace unstride::tuning
