// Which layers the sweep of small layers visits.
//
// Kernel size, stride and dilation decide the polyphase decomposition, so all their combinations are visited, twice
// over; each visit draws the other parameters at random from a fixed seed. That this lets every two values of
// any two parameters meet is a test of its own (SweepDesign). What a kernel takes at run time is visited in full for
// every layer: all lengths, all output paddings, the batch sizes in turn.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "unstride/spec.hpp"

namespace unstride::testing {

/// The parameters of a layer, as indices of their values.
enum Parameter { kernel_size, stride, dilation, padding, channels, bias, trim, prologue, epilogue };
inline constexpr std::array<int, 9> value_counts = {7, 5, 4, 5, 8, 2, 4, 3, 3};
using SweepPoint = std::array<int, value_counts.size()>;

std::vector<SweepPoint> sweep_points();
LayerSpec sweep_layer(const SweepPoint& point, DType dtype);

inline constexpr std::int64_t longest_sweep_input = 9;
inline constexpr std::int64_t largest_sweep_batch = 3;

}  // namespace unstride::testing
