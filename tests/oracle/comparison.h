// Results against the oracle, and against each other, bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "tests/oracle/layer_data.h"

namespace unstride::testing {

/// Every output of y, bit for bit; rows are as long as y makes them.
template <typename T>
::testing::AssertionResult equals_strict_chain(const LayerData<T>& data, const std::vector<T>& y);

/// The first and the last outputs of some channels, and random ones: `count` altogether, or all if there are no more.
template <typename T>
::testing::AssertionResult equals_strict_chain_at(const LayerData<T>& data, const std::vector<T>& y, std::int64_t count,
                                                  std::uint64_t seed);

/// Two results of the same layer, bit for bit.
template <typename T>
::testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b);

}  // namespace unstride::testing
