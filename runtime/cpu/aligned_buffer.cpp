#include "runtime/cpu/aligned_buffer.h"

#include <sys/mman.h>

#include <array>
#include <cstring>

#include "support/checked_math.h"

namespace unstride::cpu {

namespace {

constexpr std::align_val_t cache_line{64};
// Of x86-64.
constexpr std::size_t huge_page = std::size_t{2} << 20;

bool on_huge_pages(std::int64_t bytes) {
  return static_cast<std::size_t>(bytes) >= huge_page;
}

// Whole huge pages. Not of the heap's, which would give them to others later: ordinary memory should stay on ordinary
// pages, so that a kernel is as fast whatever its process did before.
void* map_huge_pages(std::size_t bytes) {
  // Mapped is what surely holds as much from a multiple of the page on; what is before and behind is given back.
  void* const mapped = mmap(nullptr, bytes + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(mapped) % huge_page;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + bytes, huge_page - before);
  // Advice: where it isn't taken, or huge pages are switched off, all works as well on small ones.
  madvise(begin + before, bytes, MADV_HUGEPAGE);
  return begin + before;
}

thread_local std::array<AlignedBuffer, scratch_places + 1> scratches;

AlignedBuffer& scratch_for(std::int64_t bytes, std::size_t place) {
  return scratches[on_huge_pages(bytes) ? scratch_places : place];
}

}  // namespace

void AlignedBuffer::Free::operator()(void* memory) const {
  if (mapped > 0)
    munmap(memory, mapped);
  else
    ::operator delete(memory, cache_line);
}

AlignedBuffer::AlignedBuffer(std::int64_t bytes) : bytes_(bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  // Hardware prefetching ends with a page, and packed weights are read in one long stream.
  if (on_huge_pages(bytes)) {
    const std::size_t mapped = support::round_up(size, huge_page);
    memory_ = {map_huge_pages(mapped), Free{mapped}};
  } else {
    memory_ = {::operator new(size, cache_line), Free{}};
  }
}

void* thread_scratch(std::int64_t bytes, std::size_t place) {
  AlignedBuffer& scratch = scratch_for(bytes, place);
  if (scratch.size() < bytes) {
    AlignedBuffer().swap(scratch);  // free first: the old contents are of no use
    AlignedBuffer(bytes).swap(scratch);
  }
  return scratch.data();
}

void warm_thread_scratch(std::int64_t bytes) {
  for (std::size_t place = 0; place < scratch_places; ++place)
    if (scratch_for(bytes, place).size() < bytes)
      std::memset(thread_scratch(bytes, place), 0, static_cast<std::size_t>(bytes));
}

}  // namespace unstride::cpu
