// The polyphase decomposition against the operator's definition, by brute force.
#include "codegen/plan/polyphase.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "plan_testing.h"

namespace unstride::plan {
namespace {

using Reads = std::set<std::pair<std::int64_t, std::int64_t>>;  // kernel element and input

// What output o reads by definition: every kernel element that lands on an input.
Reads defined_reads(const LayerSpec& s, std::int64_t length, std::int64_t o) {
  Reads reads;
  for (std::int64_t j = 0; j < s.kernel_size; ++j) {
    const std::int64_t distance = o + s.trim[0] + s.padding - j * s.dilation;
    if (distance % s.stride == 0 && distance >= 0 && distance / s.stride < length)
      reads.insert({j, distance / s.stride});
  }
  return reads;
}

class Decomposition {
 public:
  explicit Decomposition(const LayerSpec& spec) : polyphase_(spec), offset_(grid_offset(spec)) {
    for (std::int64_t first_tap = 0; first_tap < polyphase_.phases(); ++first_tap)
      first_taps_[polyphase_.phase(first_tap)] = first_tap;
  }

  std::size_t distinct_phases() const { return first_taps_.size(); }

  Reads reads(std::int64_t length, std::int64_t o) const {
    const std::int64_t column = (o + offset_) / polyphase_.stride;
    const auto found = first_taps_.find((o + offset_) % polyphase_.stride);
    Reads reads;
    if (found == first_taps_.end()) return reads;
    const std::int64_t first_tap = found->second;
    for (std::int64_t t = 0; t < polyphase_.taps(first_tap); ++t) {
      const std::int64_t i = column - polyphase_.delay(first_tap) - t * polyphase_.input_step;
      EXPECT_LE(column - i, polyphase_.reach());
      if (i >= 0 && i < length) reads.insert({first_tap + t * polyphase_.tap_step, i});
    }
    return reads;
  }

 private:
  Polyphase polyphase_;
  std::int64_t offset_;
  std::map<std::int64_t, std::int64_t> first_taps_;  // by phase
};

TEST(Polyphase, ReadsWhatTheDefinitionReadsForAllSmallLayers) {
  std::int64_t outputs = 0;
  for (std::int64_t k = 1; k < 10; ++k)
    for (std::int64_t s = 1; s < 9; ++s)
      for (std::int64_t d = 1; d < 9; ++d)
        for (const std::int64_t padding : {0, 1, 3, 7})
          for (const std::int64_t length : {1, 4, 5}) {
            LayerSpec spec = layer(1, 1, k, s, d);
            spec.padding = padding;
            spec.trim = {padding % 3, 0};
            const Decomposition decomposition(spec);
            const std::int64_t end = (length - 1) * s - padding + d * (k - 1) + s;
            for (std::int64_t o = 0; o < end; ++o, ++outputs)
              ASSERT_EQ(decomposition.reads(length, o), defined_reads(spec, length, o))
                  << "k=" << k << " s=" << s << " d=" << d << " p=" << padding << " L=" << length << " o=" << o;
          }
  EXPECT_GT(outputs, 100'000);
}

TEST(Polyphase, NumbersEveryPhaseThatHasTapsOnce) {
  for_each_small_layer([](const LayerSpec& spec) {
    EXPECT_EQ(static_cast<std::int64_t>(Decomposition(spec).distinct_phases()), Polyphase(spec).phases());
  });
}

TEST(Polyphase, SharesAllKernelElementsAmongItsPhases) {
  for_each_small_layer([](const LayerSpec& spec) {
    const Polyphase p(spec);
    std::int64_t taps = 0;
    for (std::int64_t first_tap = 0; first_tap < p.phases(); ++first_tap) {
      taps += p.taps(first_tap);
      EXPECT_LE(p.taps(first_tap), p.max_taps());
    }
    EXPECT_EQ(taps, spec.kernel_size);
  });
}

TEST(Columns, AreThoseThatHaveAnOutput) {
  for (const std::int64_t stride : {1, 2, 5})
    for (std::int64_t padding = 0; padding < 7; ++padding)
      for (std::int64_t length = 1; length < 12; ++length) {
        LayerSpec spec = layer(1, 1, 3, stride);
        spec.padding = padding;
        spec.trim = {1, 0};
        std::set<std::int64_t> columns;
        for (std::int64_t o = 0; o < length; ++o) columns.insert((o + padding + 1) / stride);
        const Columns got(spec, length);
        EXPECT_EQ(got.first, *columns.begin());
        EXPECT_EQ(got.count, std::ssize(columns));
      }
}

}  // namespace
}  // namespace unstride::plan
