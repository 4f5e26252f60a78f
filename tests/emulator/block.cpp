#include "tests/emulator/block.h"

#include <fmt/format.h>

#include <cstring>
#include <map>
#include <tuple>

#include "tests/emulator/device.h"
#include "tests/emulator/matrix_descriptor.h"
#include "tests/emulator/poison.h"

namespace unstride::emulator {

namespace {

Block* running = nullptr;

constexpr unsigned registers_of_multiprocessor = 65536;

bool same(Place a, Place b) {
  return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

std::string text(Place place) {
  return fmt::format("{}:{}", place.file, place.line);
}

// The descriptor of b as the PTX manual draws it; only what kernels use is taken.
const char* why_wrong(const GroupProduct& product, std::size_t shared_bytes) {
  const MatrixDescriptor b(product.b);
  if (b.other_bits != 0) return "the descriptor asks for what is not emulated";
  if (b.last_byte(product.columns) > shared_bytes) return "the descriptor reaches beyond shared memory";
  return nullptr;
}

std::string text(const Index3& index) {
  return fmt::format("{},{},{}", index.x, index.y, index.z);
}

}  // namespace

Block& running_block() {
  return *running;
}

void Block::run(const Grid& grid, const std::function<void()>& kernel, Schedule& schedule) {
  reset(grid);
  kernel_ = &kernel;
  running = this;
  do
    while (run_ready(schedule) && failure_.empty()) continue;
  while (failure_.empty() && (release_block_barrier() || mbarriers_.land_one(schedule)));
  running = nullptr;
  if (failure_.empty()) check_finished();
  if (!failure_.empty())
    throw Failure(fmt::format("schedule {}: block {}: {}", schedule.name(), text(blockIdx), failure_));
}

void Block::reset(const Grid& grid) {
  const unsigned threads = grid.threads;
  count_ = threads;
  if (threads_.size() < threads) threads_.resize(threads);
  warps_.assign((threads + warp_size - 1) / warp_size, {});
  failure_.clear();
  mbarriers_.clear();
  published_.clear();
  free_registers_ = 0;
  // The last byte touches the guard, as far as the alignment permits, or the first one does; what is not shared memory
  // must stay poisoned behind it.
  constexpr std::size_t alignment = 128;
  shared_bytes_ = (grid.shared_bytes + alignment - 1) / alignment * alignment;
  if (shared_memory_.begin() == nullptr || shared_memory_.bytes() < shared_bytes_)
    shared_memory_ = MappedMemory(shared_bytes_);
  shared_begin_ = grid.shared_touches_front ? shared_memory_.begin() : shared_memory_.end() - shared_bytes_;
  poison(shared_memory_.begin(), shared_memory_.bytes());
  shared_bytes_ = grid.shared_bytes;
  for (unsigned i = 0; i < threads; ++i) {
    Thread& thread = threads_[i];
    thread.state = State::ready;
    thread.copies.clear();
    thread.commits = 0;
    thread.registers = static_cast<int>(registers_of_multiprocessor / threads / 8 * 8);
    thread.fiber.start(&Block::entry);
  }
}

void Block::entry() {
  Block& block = *running;
  (*block.kernel_)();
  if (!block.current_->copies.empty()) block.fail("returns while its asynchronous copies are under way", {});
  block.current_->state = State::returned;
  for (;;) block.current_->fiber.suspend();
}

// One turn of every warp. True when any thread moved.
bool Block::run_ready(Schedule& schedule) {
  bool moved = false;
  schedule.order(warp_order_, warps_.size());
  for (const unsigned warp : warp_order_)
    while (failure_.empty() && run_warp(warp, schedule)) moved = true;
  return moved;
}

bool Block::run_warp(unsigned warp, Schedule& schedule) {
  bool moved = false;
  schedule.order(lane_order_, std::min(warp_size, count_ - warp * warp_size));
  for (const unsigned lane : lane_order_) {
    const unsigned index = warp * warp_size + lane;
    Thread& thread = threads_[index];
    if (!can_go_on(thread)) continue;
    thread.state = State::ready;
    threadIdx = {index, 0, 0};
    current_ = &thread;
    in_thread_ = true;
    thread.fiber.resume();
    in_thread_ = false;
    if (!failure_.empty()) return true;
    moved = true;
  }
  return moved;
}

bool Block::can_go_on(Thread& thread) {
  if (thread.state == State::at_registers) return take_registers(thread);
  if (thread.state != State::at_mbarrier) return thread.state == State::ready;
  try {
    return mbarriers_.completed(thread.mbarrier, thread.parity);
  } catch (const Failure& failure) {
    failure_ = fmt::format("{}{} at {}", who(thread), failure.what(), text(thread.place));
    return false;
  }
}

bool Block::release_block_barrier() {
  const Thread* first = nullptr;
  for (unsigned i = 0; i < count_; ++i) {
    const Thread& thread = threads_[i];
    if (thread.state != State::at_block_barrier) return false;
    if (first == nullptr) first = &thread;
    if (!same(first->place, thread.place)) {
      failure_ =
          fmt::format("threads wait in different __syncthreads: {} and {}", text(first->place), text(thread.place));
      return false;
    }
  }
  for (unsigned i = 0; i < count_; ++i) threads_[i].state = State::ready;
  land_published();
  return true;
}

void Block::check_finished() {
  for (unsigned i = 0; i < count_; ++i)
    if (threads_[i].state != State::returned) {
      failure_ = deadlock();
      return;
    }
  for (const Warp& warp : warps_)
    if (!warp.products.empty()) failure_ = "the block ends while products are under way";
  if (!published_.empty()) failure_ = "the block ends before what it published has passed a barrier";
  if (mbarriers_.copies_under_way()) failure_ = "the block ends while bulk copies are under way";
  for (const unsigned char* byte = shared_begin_ + shared_bytes_; byte < shared_memory_.end(); ++byte)
    if (*byte != 0xff) failure_ = fmt::format("shared memory was written beyond its {} bytes", shared_bytes_);
}

std::string Block::deadlock() const {
  std::map<std::tuple<std::string, std::string, int>, std::pair<unsigned, unsigned>> waiting;  // count, a thread
  for (unsigned i = 0; i < count_; ++i) {
    const Thread& thread = threads_[i];
    const bool returned = thread.state == State::returned;
    auto& [count, example] = waiting[{returned ? "have returned" : fmt::format("wait in {}", thread.waits_in),
                                      returned ? "" : thread.place.file, returned ? 0 : thread.place.line}];
    if (count++ == 0) example = i;
  }
  std::string report = "no thread can go on:";
  for (const auto& [key, value] : waiting) {
    const auto& [what, file, line] = key;
    report += fmt::format(" {} (thread {} ...) {}", value.first, value.second, what);
    if (line != 0) report += " at " + text(Place{file.c_str(), line});
    report += ';';
  }
  report.pop_back();
  return report;
}

std::string Block::who(const Thread& thread) const {
  return fmt::format("thread {}: ", &thread - threads_.data());
}

void Block::fail(std::string&& what, Place place) {
  failure_ = who(*current_) + what;
  if (place.line != 0) failure_ += " at " + text(place);
  std::string().swap(what);  // the caller's frame is never left
  for (;;) current_->fiber.suspend();
}

void Block::wait(State state, const char* in, Place place) {
  current_->state = state;
  current_->waits_in = in;
  current_->place = place;
  current_->fiber.suspend();
}

void Block::sync_block(Place place) {
  wait(State::at_block_barrier, "__syncthreads", place);
}

void Block::sync_some(int id, int threads, Place place) {
  current_->barrier_id = id;
  int arrived = 1;
  for (unsigned i = 0; i < count_; ++i)
    if (threads_[i].state == State::at_some_barrier && threads_[i].barrier_id == id) {
      if (!same(threads_[i].place, place))
        fail(fmt::format("threads wait in different sync_some: {}:{} and", threads_[i].place.file,
                         threads_[i].place.line),
             place);
      ++arrived;
    }
  if (arrived < threads) return wait(State::at_some_barrier, "sync_some", place);
  for (unsigned i = 0; i < count_; ++i)
    if (threads_[i].state == State::at_some_barrier && threads_[i].barrier_id == id) threads_[i].state = State::ready;
  land_published();
}

void Block::collective(const char* name, void* operands, Collective perform, Place place) {
  const auto index = static_cast<unsigned>(current_ - threads_.data());
  Warp& warp = warps_[index / warp_size];
  if (warp.arrived > 0 && (warp.name != name || !same(warp.place, place)))
    fail(fmt::format("lanes of a warp are in different operations: {} at {}:{} and {}", warp.name, warp.place.file,
                     warp.place.line, name),
         place);
  warp.name = name;
  warp.place = place;
  warp.operands[index % warp_size] = operands;
  if (++warp.arrived < warp_size) return wait(State::in_collective, name, place);
  perform(warp.operands);
  warp.arrived = 0;
  for (unsigned lane = 0; lane < warp_size; ++lane) threads_[index / warp_size * warp_size + lane].state = State::ready;
}

void Block::publish(void* to, const void* values, int bytes, Place place) {
  poison(to, static_cast<std::size_t>(bytes));
  const auto* begin = static_cast<const unsigned char*>(values);
  published_.push_back({to, {begin, begin + bytes}, place});
}

void Block::land_published() {
  for (const Published& store : published_) std::memcpy(store.to, store.values.data(), store.values.size());
  published_.clear();
}

void Block::require_published(Place place) {
  if (!published_.empty())
    fail(fmt::format("no barrier between what is published at {}:{} and count_arrival", published_.front().place.file,
                     published_.front().place.line),
         place);
}

void Block::copy_async(void* shared, const void* global, int bytes, bool valid, Place place) {
  if (reinterpret_cast<std::uintptr_t>(shared) % static_cast<unsigned>(bytes) != 0 ||
      (valid && reinterpret_cast<std::uintptr_t>(global) % static_cast<unsigned>(bytes) != 0))
    fail(fmt::format("asynchronous copy is not aligned to its {} bytes", bytes), place);
  poison(shared, static_cast<std::size_t>(bytes));
  current_->copies.push_back({shared, global, bytes, valid ? bytes : 0, current_->commits});
}

void Block::wait_copies(int pending) {
  auto kept = current_->copies.begin();
  for (const Copy& copy : current_->copies) {
    if (copy.commits >= current_->commits - pending) {
      *kept++ = copy;
      continue;
    }
    std::memset(copy.to, 0, static_cast<std::size_t>(copy.bytes));
    if (copy.read_bytes > 0) std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.read_bytes));
  }
  current_->copies.erase(kept, current_->copies.end());
}

Block::Warp& Block::warp_of_current() {
  return warps_[static_cast<std::size_t>(current_ - threads_.data()) / warp_size];
}

// A product is issued once all lanes are there, and performed as late as can be: by a wait that covers it.
void Block::issue_product(const GroupProduct& product, const char* name, Place place) {
  GroupProduct operand = product;
  collective(
      name, &operand,
      [](void* const* lanes) {
        Warp& warp = running->warp_of_current();
        Product issued{{}, warp.commits};
        for (unsigned lane = 0; lane < warp_size; ++lane)
          issued.lanes.push_back(*static_cast<const GroupProduct*>(lanes[lane]));
        warp.products.push_back(std::move(issued));
      },
      place);
  const char* wrong = why_wrong(operand, shared_bytes_);
  if (operand.b != warp_of_current().products.back().lanes.front().b)
    wrong = "lanes of a warp give different descriptors";
  if (wrong != nullptr) fail(wrong, place);
}

void Block::commit_products(Place place) {
  collective(
      "commit_products", nullptr, [](void* const*) { ++running->warp_of_current().commits; }, place);
}

void Block::wait_products(int pending, Place place) {
  collective(
      "wait_products", &pending,
      [](void* const* lanes) {
        Warp& warp = running->warp_of_current();
        const int last = warp.commits - *static_cast<const int*>(lanes[0]);
        std::erase_if(warp.products, [&](const Product& product) {
          if (product.commits >= last) return false;
          product.lanes.front().multiply(product.lanes.data(), running->shared_begin_);
          return true;
        });
      },
      place);
}

void Block::wait_mbarrier(void* barrier, int parity, Place place) {
  current_->mbarrier = barrier;
  current_->parity = parity;
  bool completed = false;
  with_mbarriers(place, [&](Mbarriers& mbarriers) { completed = mbarriers.completed(barrier, parity); });
  if (!completed) wait(State::at_mbarrier, "wait", place);
}

void Block::set_registers(int registers, const char* name, Place place) {
  current_->wanted_registers = registers;
  if (!take_registers(*current_)) wait(State::at_registers, name, place);
}

bool Block::take_registers(Thread& thread) {
  const int more = thread.wanted_registers - thread.registers;
  if (more > free_registers_) return false;
  free_registers_ -= more;
  thread.registers = thread.wanted_registers;
  return true;
}

bool Block::stack_overflowed_at(const void* address) const {
  return current_ != nullptr && current_->fiber.overflowed_at(address);
}

}  // namespace unstride::emulator
