// Who goes first. A correct kernel gives the same result under every schedule.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

namespace unstride::emulator {

class Schedule {
 public:
  static Schedule forward() { return Schedule(Kind::forward, 0); }
  static Schedule reverse() { return Schedule(Kind::reverse, 0); }
  static Schedule shuffled(std::uint64_t seed) { return Schedule(Kind::shuffled, seed); }

  /// 0 .. count-1 in the order of this turn.
  void order(std::vector<unsigned>& indices, std::size_t count) {
    indices.resize(count);
    std::iota(indices.begin(), indices.end(), 0u);
    if (kind_ == Kind::reverse) std::ranges::reverse(indices);
    if (kind_ == Kind::shuffled)
      for (std::size_t i = count; i > 1; --i) std::swap(indices[i - 1], indices[random() % i]);
  }
  std::size_t choose(std::size_t count) {
    return kind_ == Kind::forward ? 0 : kind_ == Kind::reverse ? count - 1 : random() % count;
  }
  std::string name() const {
    if (kind_ == Kind::shuffled) return "shuffled with seed " + std::to_string(seed_);
    return kind_ == Kind::forward ? "forward" : "reverse";
  }

 private:
  enum class Kind { forward, reverse, shuffled };
  Schedule(Kind kind, std::uint64_t seed) : kind_(kind), seed_(seed), state_(seed) {}

  std::uint64_t random() {  // SplitMix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  Kind kind_;
  std::uint64_t seed_, state_;
};

}  // namespace unstride::emulator
