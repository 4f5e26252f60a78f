// Wherever an array lies, its elements are the same, and in the end they are back.
#include "tools/support/movable_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>

namespace unstride::tools {
namespace {

std::vector<float> numbers(std::size_t count) {
  std::vector<float> result(count);
  std::iota(result.begin(), result.end(), 1.0f);
  return result;
}

class MovableArrays : public testing::TestWithParam<std::size_t> {};

TEST_P(MovableArrays, KeepsItsElementsWhereverItLies) {
  const std::vector<float> expected = numbers(GetParam());
  std::vector<float> array = expected;
  std::set<const float*> places;
  {
    MovableArray movable(array, 6'787);
    for (int move = 0; move < 40; ++move) {
      const std::span<float> elements = movable.elements();
      ASSERT_TRUE(std::ranges::equal(elements, expected)) << move;
      places.insert(elements.data());
      std::ranges::fill(elements, 0.0f);  // what is written there goes along
      std::ranges::copy(expected, elements.begin());
      movable.move();
    }
  }
  EXPECT_EQ(places.size(), 40u);
  std::set<std::uintptr_t> lines;
  for (const float* place : places) lines.insert(reinterpret_cast<std::uintptr_t>(place) % 4096 / 64);
  EXPECT_GT(lines.size(), 20u);  // of 64 in a page
  EXPECT_EQ(array, expected);
}

// None, fewer than a move goes on by, and more than the room.
INSTANTIATE_TEST_SUITE_P(Sizes, MovableArrays, testing::Values(0, 1, 1000, 400'000));

TEST(MovableArray, TakesRoomThatIsThereWithoutCopying) {
  std::vector<float> array;
  array.reserve(100 + MovableArray<float>::room);
  array.resize(100);
  const float* before = array.data();
  const MovableArray movable(array, 1);
  EXPECT_EQ(array.data(), before);
}

}  // namespace
}  // namespace unstride::tools
