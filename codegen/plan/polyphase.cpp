#include "codegen/plan/polyphase.h"

#include <numeric>

namespace unstride::plan {

Polyphase::Polyphase(const LayerSpec& spec)
    : stride(spec.stride),
      dilation(spec.dilation),
      kernel_size(spec.kernel_size),
      tap_step(stride / std::gcd(stride, dilation)),
      input_step(dilation / std::gcd(stride, dilation)) {}

Columns::Columns(const LayerSpec& spec, std::int64_t output_length) {
  const std::int64_t offset = grid_offset(spec);
  first = offset / spec.stride;
  count = (offset + output_length - 1) / spec.stride - first + 1;
}

std::int64_t grid_offset(const LayerSpec& spec) {
  return spec.padding + spec.trim[0];
}

}  // namespace unstride::plan
