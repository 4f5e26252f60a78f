// A progress bar with the time left, on standard error; silent unless that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace unstride::tools {

/// Shows how many of `total` steps are done. The bar appears after half a second, so short work stays quiet, and is
/// erased by finish() or the destructor. For one thread.
class Progress {
 public:
  Progress(std::string title, std::int64_t total);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` steps are done now; `what` names the one at work.
  void update(std::int64_t done, std::string_view what = {});
  /// Erases the bar.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  std::string title_;
  std::int64_t total_;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point start_;
  Clock::time_point next_draw_;
};

/// The line that Progress shows, at most `width` columns: "verify [####------]  40 %  2:03 left  ups.0".
std::string progress_line(std::string_view title, std::int64_t done, std::int64_t total, double elapsed_seconds,
                          std::string_view what, int width);

}  // namespace unstride::tools
