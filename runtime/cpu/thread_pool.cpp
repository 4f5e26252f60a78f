#include "runtime/cpu/thread_pool.h"

#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <chrono>

namespace unstride::cpu {

namespace {

// Longer than the gap between two layers of a model, short enough not to be noticed in a processor's idle time.
constexpr auto spin_time = std::chrono::microseconds(50);

template <typename Done>
bool spin_until(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      _mm_pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

}  // namespace

int available_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadPool::ThreadPool(int threads)
    : claimed_(new std::atomic<bool>[static_cast<std::size_t>(threads)]), sleepers_(threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { worker(i); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++epoch_;
  epoch_.notify_all();
}

void ThreadPool::claim(int index) {
  if (!claimed_[static_cast<std::size_t>(index)].exchange(true)) job_.task(job_.context, index);
}

void ThreadPool::work(int index) {
  const int owned = std::min(job_.count, threads());
  if (index < owned) claim(index);
  for (int other = 0; other < owned; ++other) claim(other);
  for (int rest = next_++; rest < job_.count; rest = next_++) job_.task(job_.context, rest);
}

void ThreadPool::wait_for_new_job(int index, std::uint32_t seen) {
  if (spin_until([&] { return epoch_.load() != seen; })) return;
  sleepers_.add(index);
  epoch_.wait(seen);
  sleepers_.remove(index);
}

void ThreadPool::worker(int index) {
  std::uint32_t seen = 0;
  while (true) {
    wait_for_new_job(index, seen);
    seen = epoch_.load();
    if (stop_) return;
    std::uint32_t gate = gate_.load();
    while ((gate & open) != 0 && !gate_.compare_exchange_weak(gate, gate + 1)) {
    }
    if ((gate & open) == 0) continue;  // too late: the others did it all
    work(index);
    if (--gate_ == 0) gate_.notify_one();
  }
}

void ThreadPool::parallel(int count, void (*task)(void* context, int index), void* context) {
  if (workers_.empty() || count <= 1 || busy_.test_and_set(std::memory_order_acquire)) {
    for (int index = 0; index < count; ++index) task(context, index);
    return;
  }
  job_ = {task, context, count};
  for (int index = 0; index < std::min(count, threads()); ++index)
    claimed_[static_cast<std::size_t>(index)].store(false, std::memory_order_relaxed);
  next_ = threads();
  gate_ = open;
  sleepers_.keep_apart();
  ++epoch_;
  epoch_.notify_all();
  work(0);
  gate_ &= ~open;
  const auto everyone_left = [&] { return gate_.load() == 0; };
  while (!spin_until(everyone_left))
    if (const std::uint32_t inside = gate_.load(); inside != 0) gate_.wait(inside);
  busy_.clear(std::memory_order_release);
}

}  // namespace unstride::cpu
