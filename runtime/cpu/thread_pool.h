// The engine's own threads: fork and join around one call, in a few microseconds.
//
// Workers that have just worked spin for a short time before they sleep, since layers follow each other. A call never
// waits for a worker that has not joined it, and a call that finds the pool busy with another runs on its own thread:
// many callers share one pool without queues or deadlocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/cpu/sleepers.h"
#include "unstride/executor.hpp"

namespace unstride::cpu {

class ThreadPool final : public Executor {
 public:
  /// threads >= 1: the caller of parallel() and threads-1 workers.
  explicit ThreadPool(int threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void parallel(int count, void (*task)(void* context, int index), void* context) override;
  int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }

 private:
  struct Job {
    void (*task)(void* context, int index) = nullptr;
    void* context = nullptr;
    int count = 0;
  };

  void worker(int index);
  void work(int index);
  void claim(int index);
  void wait_for_new_job(int index, std::uint32_t seen);

  static constexpr std::uint32_t open = 1u << 31;

  Job job_;
  // A thread starts with its own index, so that it meets in its caches what it left there in the call before. What a
  // thread that hasn't come would have done is left to the others; indices beyond the threads are counted out.
  std::unique_ptr<std::atomic<bool>[]> claimed_;
  std::atomic<int> next_ = 0;
  std::atomic_flag busy_;                 // set by the call that uses the pool
  std::atomic<std::uint32_t> gate_ = 0;   // `open` while workers may join the job, plus how many have
  std::atomic<std::uint32_t> epoch_ = 0;  // counts jobs, so that workers can sleep on it
  std::atomic<bool> stop_ = false;
  Sleepers sleepers_;
  std::vector<std::jthread> workers_;
};

/// Processors that this process may run on.
int available_processors();

}  // namespace unstride::cpu
