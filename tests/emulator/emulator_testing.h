// What the emulator's own tests share: small kernels, run under all schedules.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/emulator/device.h"
#include "tests/emulator/launch.h"

namespace unstride::testing {

inline const std::vector<emulator::Schedule>& schedules() {
  static const std::vector<emulator::Schedule> all = {emulator::Schedule::forward(), emulator::Schedule::reverse(),
                                                      emulator::Schedule::shuffled(1)};
  return all;
}

inline void run_under_all_schedules(const emulator::Grid& grid, const std::function<void()>& kernel) {
  for (const emulator::Schedule& schedule : schedules()) emulator::launch(grid, schedule, kernel);
}

/// What the kernel does wrong under this schedule; empty when it runs to its end.
inline std::string failure(const emulator::Grid& grid, const emulator::Schedule& schedule,
                           const std::function<void()>& kernel) {
  try {
    emulator::launch(grid, schedule, kernel);
  } catch (const emulator::Failure& failure) {
    return failure.what();
  }
  return {};
}

/// Every schedule must fail, in words that hold these.
inline void expect_failure(const emulator::Grid& grid, const std::string& words, const std::function<void()>& kernel) {
  for (const emulator::Schedule& schedule : schedules()) {
    const std::string what = failure(grid, schedule, kernel);
    EXPECT_NE(what.find(words), what.npos) << schedule.name() << ": " << (what.empty() ? "no failure" : what);
  }
}

}  // namespace unstride::testing
