#include "runtime/cpu/aligned_buffer.h"

namespace unstride::cpu {

void* thread_scratch(std::int64_t bytes) {
  thread_local AlignedBuffer scratch;
  if (scratch.size() < bytes) {
    AlignedBuffer().swap(scratch);  // free first: the old contents are of no use
    AlignedBuffer(bytes).swap(scratch);
  }
  return scratch.data();
}

}  // namespace unstride::cpu
