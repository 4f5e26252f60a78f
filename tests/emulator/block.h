// One block of threads: a fiber each, run in turns until all have returned.
//
// A thread runs until it waits for others: at a barrier of the block or of some warps, in an operation of its warp, at
// an mbarrier. When none can go on, copies land or waits are over; when that does not help either, the kernel is wrong.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/emulator/failure.h"
#include "tests/emulator/fiber.h"
#include "tests/emulator/launch.h"
#include "tests/emulator/mbarrier.h"
#include "tests/emulator/place.h"
#include "tests/emulator/schedule.h"

namespace unstride::emulator {

inline constexpr unsigned warp_size = 32;

struct GroupProduct;

/// Performs an operation of a warp on what its 32 lanes brought.
using Collective = void (*)(void* const* operands);

class Block {
 public:
  /// Runs `kernel` in the threads of a block of the grid, with its shared memory. Throws Failure.
  void run(const Grid& grid, const std::function<void()>& kernel, Schedule& schedule);

  // What the wrappers of device.h call, from inside a thread. A failure ends the block.
  unsigned char* shared() { return shared_begin_; }
  void sync_block(Place place);
  void sync_some(int id, int threads, Place place);
  void collective(const char* name, void* operands, Collective perform, Place place);
  /// Values for other blocks land at the block's next barrier. Until then nobody may be told of them.
  void publish(void* to, const void* values, int bytes, Place place);
  void require_published(Place place);
  void copy_async(void* shared, const void* global, int bytes, bool valid, Place place);
  void commit_copies() { ++current_->commits; }
  void wait_copies(int pending);
  void issue_product(const GroupProduct& product, const char* name, Place place);
  void commit_products(Place place);
  void wait_products(int pending, Place place);
  /// Runs a step of the mbarriers and reports what it throws.
  template <typename Step>
  void with_mbarriers(Place place, const Step& step) {
    std::string what;
    try {
      return step(mbarriers_);
    } catch (const Failure& failure) {
      what = failure.what();
    }
    fail(std::move(what), place);
  }
  void wait_mbarrier(void* barrier, int parity, Place place);
  /// Of the running thread. What it gives back is there for other threads; for more than is there it waits.
  void set_registers(int registers, const char* name, Place place);
  /// Takes the text, and the calling function keeps nothing else that has a destructor: it is never left.
  [[noreturn]] void fail(std::string&& what, Place place);

  /// Whether a thread is running, not the scheduler.
  bool in_thread() const { return in_thread_; }
  /// Whether the address lies beyond the stack of the running thread.
  bool stack_overflowed_at(const void* address) const;

 private:
  enum class State { ready, at_block_barrier, at_some_barrier, in_collective, at_mbarrier, at_registers, returned };
  struct Copy {
    void* to;
    const void* from;
    int bytes, read_bytes, commits;
  };
  struct Published {
    void* to;
    std::vector<unsigned char> values;
    Place place;
  };
  struct Thread {
    Fiber fiber;
    State state = State::ready;
    const char* waits_in = "";
    Place place;
    int barrier_id = 0, parity = 0;
    void* mbarrier = nullptr;
    int registers = 0, wanted_registers = 0;
    std::vector<Copy> copies;
    int commits = 0;
  };
  struct Product {
    std::vector<GroupProduct> lanes;
    int commits;
  };
  struct Warp {
    void* operands[warp_size];
    unsigned arrived = 0;
    const char* name = nullptr;
    Place place;
    std::vector<Product> products;  // under way
    int commits = 0;
  };
  Warp& warp_of_current();

  static void entry();
  void reset(const Grid& grid);
  bool run_ready(Schedule& schedule);
  bool run_warp(unsigned warp, Schedule& schedule);
  bool release_block_barrier();
  bool can_go_on(Thread& thread);
  bool take_registers(Thread& thread);
  void wait(State state, const char* in, Place place);
  void land_published();
  void check_finished();
  std::string who(const Thread& thread) const;
  std::string deadlock() const;

  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  unsigned count_ = 0;
  int free_registers_ = 0;
  Thread* current_ = nullptr;
  bool in_thread_ = false;
  const std::function<void()>* kernel_ = nullptr;
  std::string failure_;
  Mbarriers mbarriers_;
  std::vector<Published> published_;
  MappedMemory shared_memory_;
  unsigned char* shared_begin_ = nullptr;
  std::size_t shared_bytes_ = 0;
  std::vector<unsigned> warp_order_, lane_order_;
};

/// The block whose thread is running.
Block& running_block();

}  // namespace unstride::emulator
