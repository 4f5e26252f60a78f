#include "tests/emulator/mapped_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace unstride::emulator {

MappedMemory::MappedMemory(std::size_t bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = (bytes + page - 1) / page * page;
  void* mapped = mmap(nullptr, bytes_ + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<unsigned char*>(mapped) + guard;
  if (bytes_ > 0 && mprotect(begin_, bytes_, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapped, bytes_ + 2 * guard);
    throw std::bad_alloc();
  }
}

MappedMemory::~MappedMemory() {
  if (begin_ != nullptr) munmap(begin_ - guard, bytes_ + 2 * guard);
}

}  // namespace unstride::emulator
