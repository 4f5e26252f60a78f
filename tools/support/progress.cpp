#include "tools/support/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace unstride::tools {
namespace {

constexpr std::chrono::milliseconds first_draw{500};
constexpr std::chrono::milliseconds redraw{100};

int terminal_width() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

std::string time_left(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::min(seconds, 1e9)));
  const std::int64_t h = whole / 3600, m = whole / 60 % 60, s = whole % 60;
  return h > 0 ? fmt::format("{}:{:02}:{:02} left", h, m, s) : fmt::format("{}:{:02} left", m, s);
}

}  // namespace

std::string progress_line(std::string_view title, std::int64_t done, std::int64_t total, double elapsed_seconds,
                          std::string_view what, int width) {
  constexpr int bar_width = 20;
  const double share = total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 1.0;
  const int filled = static_cast<int>(share * bar_width);
  std::string line =
      fmt::format("{} [{:#<{}}{:-<{}}] {:3.0f} %", title, "", filled, "", bar_width - filled, std::floor(share * 100));
  if (share > 0 && share < 1) line += "  " + time_left(elapsed_seconds * (1 - share) / share);
  if (!what.empty()) line += fmt::format("  {}", what);
  // One column stays free: some terminals wrap when the last one is written.
  line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(width - 1, 0))));
  return line;
}

Progress::Progress(std::string title, std::int64_t total)
    : title_(std::move(title)),
      total_(total),
      enabled_(isatty(STDERR_FILENO) == 1),
      start_(Clock::now()),
      next_draw_(start_ + first_draw) {}

void Progress::update(std::int64_t done, std::string_view what) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_draw_) return;
  next_draw_ = now + redraw;
  shown_ = true;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  fmt::print(stderr, "\r\033[K{}", progress_line(title_, done, total_, elapsed, what, terminal_width()));
  std::fflush(stderr);
}

void Progress::finish() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

}  // namespace unstride::tools
