// An array that can lie elsewhere: which lines of weights, inputs and outputs get into each other's way is chance,
// worth some percent of a call, and would be the same for a whole process.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace unstride::tools {

/// Says where a vector's elements are while it lives, and gives them back at the end.
template <typename T>
class MovableArray {
 public:
  static constexpr std::size_t room = (std::size_t{1} << 20) / sizeof(T);  ///< beside them: a megabyte

  /// Each move goes on by so many cache lines: an odd number, so that all places come before any comes again.
  MovableArray(std::vector<T>& array, std::size_t step) : array_(array), size_(array.size()), step_(step) {
    array_.resize(size_ + room);
  }
  ~MovableArray() {
    move_to(0);
    array_.resize(size_);
  }
  MovableArray(const MovableArray&) = delete;
  MovableArray& operator=(const MovableArray&) = delete;

  std::span<T> elements() { return std::span(array_).subspan(place_ * line, size_); }
  void move() { move_to((place_ + step_) % lines); }

 private:
  static constexpr std::size_t line = 64 / sizeof(T), lines = room / line;

  void move_to(std::size_t place) {
    if (size_ > 0) std::memmove(array_.data() + place * line, elements().data(), size_ * sizeof(T));
    place_ = place;
  }

  std::vector<T>& array_;
  std::size_t size_, step_, place_ = 0;  ///< the place in lines
};

}  // namespace unstride::tools
