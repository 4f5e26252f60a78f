#include "runtime/cpu/aligned_buffer.h"

namespace unstride::cpu {

namespace {

thread_local AlignedBuffer scratch;

}  // namespace

void* thread_scratch(std::int64_t bytes) {
  if (scratch.size() < bytes) {
    AlignedBuffer().swap(scratch);  // free first: the old contents are of no use
    AlignedBuffer(bytes).swap(scratch);
  }
  return scratch.data();
}

}  // namespace unstride::cpu
