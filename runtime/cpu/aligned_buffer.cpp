#include "runtime/cpu/aligned_buffer.h"

#include <sys/mman.h>

#include <array>

namespace unstride::cpu {

namespace {

// Of x86-64.
constexpr std::int64_t huge_page_bytes = 2 << 20;

thread_local std::array<AlignedBuffer, scratch_places> scratches;

}  // namespace

AlignedBuffer::AlignedBuffer(std::int64_t bytes) : bytes_(bytes) {
  // Hardware prefetching ends with a page, and packed weights are read in one long stream.
  const bool huge = bytes >= huge_page_bytes;
  const auto alignment = static_cast<std::align_val_t>(huge ? huge_page_bytes : 64);
  memory_ = {::operator new(static_cast<std::size_t>(bytes), alignment), Free{alignment}};
  // Advice: where it isn't taken, or huge pages are switched off, all works as well on small ones.
  if (huge) madvise(memory_.get(), static_cast<std::size_t>(bytes), MADV_HUGEPAGE);
}

void* thread_scratch(std::int64_t bytes, std::size_t place) {
  AlignedBuffer& scratch = scratches[place];
  if (scratch.size() < bytes) {
    AlignedBuffer().swap(scratch);  // free first: the old contents are of no use
    AlignedBuffer(bytes).swap(scratch);
  }
  return scratch.data();
}

}  // namespace unstride::cpu
