// Memory that starts on a cache line, as vector loads and packed panels want it; on huge pages where it fills one.
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
  /// Throws std::bad_alloc.
  explicit AlignedBuffer(std::int64_t bytes);

  void swap(AlignedBuffer& other) noexcept {
    memory_.swap(other.memory_);
    std::swap(bytes_, other.bytes_);
  }
  void* data() const noexcept { return memory_.get(); }
  std::int64_t size() const noexcept { return bytes_; }

 private:
  struct Free {
    std::size_t mapped;  // 0: of operator new
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_{nullptr, Free{}};
  std::int64_t bytes_ = 0;
};

/// A thread has so many scratch memories on ordinary pages, of which a call uses one. The others are for measurements:
/// which of its pages share lines of the second-level cache is chance. What is large enough for huge pages, where it is
/// none, has one more, whichever place is asked for.
inline constexpr std::size_t scratch_places = 8;

/// This thread's scratch memory at a place below scratch_places, at least so large. It grows and is kept until the
/// thread ends.
void* thread_scratch(std::int64_t bytes, std::size_t place);

/// Writes this thread's scratch memories once where they have to grow for so many bytes: a new page costs whoever
/// writes it first, much on a virtual machine, and no call that is timed should be the one.
void warm_thread_scratch(std::int64_t bytes);

}  // namespace unstride::cpu
