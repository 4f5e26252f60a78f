// Memory that starts on a cache line, as vector loads and packed panels want it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace unstride::cpu {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::int64_t bytes)
      : memory_(::operator new(static_cast<std::size_t>(bytes), alignment)), bytes_(bytes) {}

  void swap(AlignedBuffer& other) noexcept {
    memory_.swap(other.memory_);
    std::swap(bytes_, other.bytes_);
  }
  void* data() const noexcept { return memory_.get(); }
  std::int64_t size() const noexcept { return bytes_; }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(void* memory) const { ::operator delete(memory, alignment); }
  };
  std::unique_ptr<void, Free> memory_;
  std::int64_t bytes_ = 0;
};

/// This thread's scratch memory, at least so large. It grows and is kept until the thread ends.
void* thread_scratch(std::int64_t bytes);

}  // namespace unstride::cpu
