#include "runtime/cpu/sleepers.h"

#include <unistd.h>

namespace unstride::cpu {

void Sleepers::add(int index) {
  const std::lock_guard lock(mutex_);
  Sleeper& sleeper = sleepers_[static_cast<std::size_t>(index)];
  sleeper.thread = gettid();
  sleeper.processor = sched_getcpu();
  ++count_;
}

void Sleepers::remove(int index) {
  const std::lock_guard lock(mutex_);
  Sleeper& sleeper = sleepers_[static_cast<std::size_t>(index)];
  if (sleeper.restricted) sched_setaffinity(0, sizeof sleeper.allowed, &sleeper.allowed);
  sleeper = {};
  --count_;
}

void Sleepers::keep_apart() {
  if (count_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  cpu_set_t taken;
  CPU_ZERO(&taken);
  const auto take = [&taken](int processor) {
    if (processor >= 0 && processor < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(processor), &taken);
  };
  take(sched_getcpu());
  for (Sleeper& sleeper : sleepers_) {
    if (sleeper.thread == 0) continue;
    // Where affinities cannot be read or written, threads wake where they will.
    if (!sleeper.restricted && sched_getaffinity(sleeper.thread, sizeof sleeper.allowed, &sleeper.allowed) != 0)
      continue;
    cpu_set_t rest;
    CPU_AND(&rest, &sleeper.allowed, &taken);
    CPU_XOR(&rest, &rest, &sleeper.allowed);
    if (CPU_COUNT(&rest) == 0) continue;
    sleeper.restricted = sched_setaffinity(sleeper.thread, sizeof rest, &rest) == 0 || sleeper.restricted;
    take(sleeper.processor);
  }
}

}  // namespace unstride::cpu
