// Memory between two stretches of addresses that may not be touched. What lies at its end touches the second stretch.
#pragma once

#include <cstddef>
#include <utility>

namespace unstride::emulator {

class MappedMemory {
 public:
  static constexpr std::size_t guard = std::size_t{1} << 20;

  MappedMemory() = default;
  /// At least this many bytes, whole pages. Throws std::bad_alloc.
  explicit MappedMemory(std::size_t bytes);
  ~MappedMemory();
  MappedMemory(MappedMemory&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  unsigned char* begin() const { return begin_; }
  unsigned char* end() const { return begin_ + bytes_; }
  std::size_t bytes() const { return bytes_; }
  bool guards(const void* address) const {
    const auto* byte = static_cast<const unsigned char*>(address);
    return begin_ != nullptr && ((begin_ - guard <= byte && byte < begin_) || (end() <= byte && byte < end() + guard));
  }

 private:
  unsigned char* begin_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace unstride::emulator
