// Where sleeping threads wake up.
//
// Linux wakes a thread where it slept, or where its waker runs, once processors were busy for a while: it looks for an
// idle one only as long as the load that it remembers is low. The two then share a processor beside an idle one for
// tens of milliseconds, and a call takes as long as on one thread. So each sleeper is kept off the processors of its
// waker and of the sleepers before it, until it is awake.
#pragma once

#include <sched.h>

#include <atomic>
#include <mutex>
#include <vector>

namespace unstride::cpu {

class Sleepers {
 public:
  explicit Sleepers(int threads) : sleepers_(static_cast<std::size_t>(threads)) {}

  /// By thread `index` itself, before it sleeps and after it woke.
  void add(int index);
  void remove(int index);

  /// By the thread that is about to wake them. Costs next to nothing when nobody sleeps.
  void keep_apart();

 private:
  struct Sleeper {
    pid_t thread = 0;  // none: it is awake
    int processor = 0;
    bool restricted = false;
    cpu_set_t allowed = {};  // before it was restricted
  };

  std::mutex mutex_;
  std::atomic<int> count_ = 0;
  std::vector<Sleeper> sleepers_;
};

}  // namespace unstride::cpu
