#include "tools/unstride/interruption.h"

#include <ctime>

namespace unstride::command {

Interruption::Interruption() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  watcher_ = std::jthread([this](const std::stop_token& done) { watch(done); });
}

Interruption::~Interruption() {
  watcher_.request_stop();
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Interruption::watch(const std::stop_token& done) {
  constexpr timespec look_up = {.tv_sec = 0, .tv_nsec = 50'000'000};
  while (!done.stop_requested()) {
    if (sigtimedwait(&signals_, nullptr, &look_up) < 0) continue;
    stop_.request_stop();
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);  // this thread takes the next one, which ends the process
    while (!done.stop_requested()) nanosleep(&look_up, nullptr);
  }
}

}  // namespace unstride::command
