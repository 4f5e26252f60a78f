#include "tests/emulator/mbarrier.h"

#include <cstring>

#include "tests/emulator/failure.h"
#include "tests/emulator/poison.h"

namespace unstride::emulator {

namespace {

constexpr std::uint64_t mark = 0x6d62617272696572;  // "mbarrier"

bool aligned(const void* address, std::size_t to) {
  return reinterpret_cast<std::uintptr_t>(address) % to == 0;
}

}  // namespace

void Mbarriers::clear() {
  barriers_.clear();
  copies_.clear();
}

void Mbarriers::init(void* barrier, int arrivals) {
  if (!aligned(barrier, 8)) throw Failure("mbarrier is not aligned to 8 bytes");
  if (arrivals < 1) throw Failure("mbarrier needs a positive number of arrivals");
  for (const Mbarrier& known : barriers_)
    if (known.at == barrier) throw Failure("mbarrier is initialised twice");
  std::memcpy(barrier, &mark, sizeof mark);
  barriers_.push_back({barrier, arrivals, arrivals, 0, 0});
}

Mbarriers::Mbarrier& Mbarriers::find(void* barrier) {
  for (Mbarrier& known : barriers_)
    if (known.at == barrier) {
      if (std::memcmp(barrier, &mark, sizeof mark) != 0) throw Failure("mbarrier was overwritten");
      return known;
    }
  throw Failure("mbarrier was not initialised");
}

void Mbarriers::complete(Mbarrier& barrier) {
  if (barrier.pending > 0 || barrier.bytes != 0) return;
  barrier.pending = barrier.arrivals;
  barrier.parity ^= 1;
}

void Mbarriers::arrive(void* barrier, int expected_bytes) {
  Mbarrier& known = find(barrier);
  if (known.pending == 0) throw Failure("more arrivals at an mbarrier than it was initialised for");
  --known.pending;
  known.bytes += expected_bytes;
  complete(known);
}

bool Mbarriers::completed(void* barrier, int parity) {
  return find(barrier).parity != parity;
}

void Mbarriers::copy(void* shared, const void* global, int bytes, void* barrier) {
  if (!aligned(shared, 16) || !aligned(global, 16) || bytes % 16 != 0)
    throw Failure("addresses and bytes of a bulk copy must be multiples of 16");
  find(barrier);
  // What may not be read is a fault of the thread that asks for it.
  const auto* from = static_cast<const volatile unsigned char*>(global);
  for (const int at : {0, bytes - 1})
    if (bytes > 0) static_cast<void>(from[at]);
  poison(shared, static_cast<std::size_t>(bytes));
  copies_.push_back({shared, global, bytes, barrier});
}

bool Mbarriers::land_one(Schedule& schedule) {
  if (copies_.empty()) return false;
  const auto chosen = copies_.begin() + static_cast<std::ptrdiff_t>(schedule.choose(copies_.size()));
  const Copy copy = *chosen;
  copies_.erase(chosen);
  Mbarrier& barrier = find(copy.barrier);
  std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.bytes));
  barrier.bytes -= copy.bytes;
  if (barrier.bytes < 0) throw Failure("more bytes arrive at an mbarrier than it was told to expect");
  complete(barrier);
  return true;
}

}  // namespace unstride::emulator
