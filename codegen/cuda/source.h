// The source of one GPU kernel: the layer and its tiles as named constants, an include, and an extern "C" function for
// each tile. All else is in the headers of templates/cuda, which the library carries as text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "codegen/plan/gpu_strategy.h"

namespace unstride::cuda {

/// The whole translation unit, as NVRTC takes it with headers().
std::string generate(const plan::GpuProblem& problem, const plan::GpuPlan& plan);

/// The function of the plan's tile of this index.
std::string kernel_symbol(std::size_t index);

/// A header of templates/cuda: the name that sources include it by, and its text.
struct Header {
  const char* name;
  const char* text;
};
std::span<const Header> headers();

/// SHA-256 over the names and texts of all headers, in hexadecimal.
std::string_view header_digest();

}  // namespace unstride::cuda
