// Memory between pages that may not be touched: reading or writing one element too many ends the process. Compiled
// kernels are not instrumented by sanitizers, so this is how they are watched.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <span>

namespace unstride::testing {

/// Which guard page the elements touch.
enum class Touching { front, back };

template <typename T>
class GuardedArray {
 public:
  GuardedArray(std::int64_t count, T value, Touching touching) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
    const std::size_t inner = (bytes + page - 1) / page * page;
    const std::size_t guard = 256 * page;  // a wrong row or block ends there, too
    mapped_bytes_ = inner + 2 * guard;
    mapped_ = mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped_ == MAP_FAILED) throw std::bad_alloc();
    char* begin = static_cast<char*>(mapped_) + guard;
    if (inner > 0 && mprotect(begin, inner, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    if (touching == Touching::back) begin += inner - bytes;
    elements_ = {reinterpret_cast<T*>(begin), static_cast<std::size_t>(count)};
    std::ranges::fill(elements_, value);
  }
  GuardedArray(std::span<const T> values, Touching touching) : GuardedArray(std::ssize(values), T{}, touching) {
    std::ranges::copy(values, elements_.begin());
  }
  ~GuardedArray() { munmap(mapped_, mapped_bytes_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  std::span<T> elements() const { return elements_; }

 private:
  void* mapped_;
  std::size_t mapped_bytes_;
  std::span<T> elements_;
};

}  // namespace unstride::testing
