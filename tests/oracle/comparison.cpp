#include "tests/oracle/comparison.h"

#include <fmt/format.h>

namespace unstride::testing {

namespace {

struct Position {
  std::int64_t n, co, o;
};

// Compares at the positions that `position(0)`, `position(1)`, ... give.
template <typename T, typename At>
::testing::AssertionResult compare(const LayerData<T>& data, const std::vector<T>& y, std::int64_t row,
                                   std::int64_t count, const At& position) {
  const StrictChain<T> oracle = data.oracle();
  std::int64_t wrong = 0;
  std::string first;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto [n, co, o] = position(i);
    const T got = y[static_cast<std::size_t>((n * data.spec.out_channels + co) * row + o)];
    const T expected = oracle.output(n, co, o);
    if (same_bits(got, expected)) continue;
    if (wrong++ == 0)
      first = fmt::format("y[{},{},{}] is {} ({:a}); the strict chain gives {} ({:a})", n, co, o, value_of(got),
                          value_of(got), value_of(expected), value_of(expected));
  }
  if (wrong == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << wrong << " of " << count << " outputs differ; " << first;
}

template <typename T>
std::int64_t row_length(const LayerData<T>& data, const std::vector<T>& y) {
  const std::int64_t rows = data.batch * data.spec.out_channels;
  return rows == 0 ? 0 : std::ssize(y) / rows;
}

}  // namespace

template <typename T>
::testing::AssertionResult equals_strict_chain(const LayerData<T>& data, const std::vector<T>& y) {
  const std::int64_t row = row_length(data, y), channels = data.spec.out_channels;
  return compare(data, y, row, std::ssize(y), [&](std::int64_t i) {
    return Position{i / row / channels, i / row % channels, i % row};
  });
}

template <typename T>
::testing::AssertionResult equals_strict_chain_at(const LayerData<T>& data, const std::vector<T>& y, std::int64_t count,
                                                  std::uint64_t seed) {
  if (std::ssize(y) <= count) return equals_strict_chain(data, y);
  const std::int64_t row = row_length(data, y), channels = data.spec.out_channels;
  tools::SplitMix64 random(seed);
  return compare(data, y, row, count, [&](std::int64_t i) {
    Position at{random.below(data.batch), random.below(channels), random.below(row)};
    if (i < 2) at.co = i == 0 ? 0 : channels - 1;            // the outermost channels are always there,
    if (i % 4 == 0) at.o %= std::min<std::int64_t>(row, 8);  // and both borders often
    if (i % 4 == 1) at.o = row - 1 - at.o % std::min<std::int64_t>(row, 8);
    return at;
  });
}

template <typename T>
::testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " outputs and " << b.size();
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same_bits(a[i], b[i]))
      return ::testing::AssertionFailure()
             << fmt::format("element {} is {:a} and {:a}", i, value_of(a[i]), value_of(b[i]));
  return ::testing::AssertionSuccess();
}

#define UNSTRIDE_INSTANTIATE(T)                                                                                        \
  template ::testing::AssertionResult equals_strict_chain(const LayerData<T>&, const std::vector<T>&);                 \
  template ::testing::AssertionResult equals_strict_chain_at(const LayerData<T>&, const std::vector<T>&, std::int64_t, \
                                                             std::uint64_t);                                           \
  template ::testing::AssertionResult same_bits(const std::vector<T>&, const std::vector<T>&);
UNSTRIDE_INSTANTIATE(float)
UNSTRIDE_INSTANTIATE(double)
UNSTRIDE_INSTANTIATE(Float16)
UNSTRIDE_INSTANTIATE(BFloat16)

}  // namespace unstride::testing
