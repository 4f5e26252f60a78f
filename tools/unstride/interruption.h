// SIGINT and SIGTERM as a request to come to an end: the first asks, the second ends the process as usual.
#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace unstride::command {

/// Make it before any other thread, which would get the signals otherwise.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch(const std::stop_token& done);

  sigset_t signals_{}, before_{};
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace unstride::command
