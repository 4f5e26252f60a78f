// Timing one piece of work: a warm-up, then repeated runs on an otherwise idle caller.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace unstride::command {

struct Timing {
  double median_ms = 0;
  double min_ms = 0;
  std::int64_t runs = 0;
};

/// Runs the work once untimed, then `runs` times. Without a number it repeats for 0.2 s, and at least three times, so
/// that the median rests on many runs of short work and long work does not take for ever. Every 12 ms, and after three
/// runs at least unless one takes as long, calls `elsewhere`, if there is one, to move what the work is on, and runs
/// it once untimed again.
Timing measure(const std::function<void()>& work, std::optional<std::int64_t> runs,
               const std::function<void()>& elsewhere);

/// The same for work that takes its own time, and returns it in milliseconds: on a device, say.
Timing measure_timed(const std::function<double()>& work, std::optional<std::int64_t> runs,
                     const std::function<void()>& elsewhere = {});

}  // namespace unstride::command
