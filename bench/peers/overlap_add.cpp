#include "bench/peers/overlap_add.h"

#include <algorithm>

namespace unstride::bench {

namespace {

// out[q*stride + r] = sums[r*pitch + q]. A constant stride lets the compiler interleave with shuffles.
template <int constant_stride>
void interleave(const float* sums, std::int64_t pitch, std::int64_t count, std::int64_t run_time_stride, float* out) {
  const std::int64_t stride = constant_stride > 0 ? constant_stride : run_time_stride;
  for (std::int64_t q = 0; q < count; ++q)
    for (std::int64_t r = 0; r < stride; ++r) out[q * stride + r] = sums[r * pitch + q];
}

void interleave(const float* sums, std::int64_t pitch, std::int64_t count, std::int64_t stride, float* out) {
  switch (stride) {
    case 1:
      return interleave<1>(sums, pitch, count, stride, out);
    case 2:
      return interleave<2>(sums, pitch, count, stride, out);
    case 3:
      return interleave<3>(sums, pitch, count, stride, out);
    case 4:
      return interleave<4>(sums, pitch, count, stride, out);
    case 5:
      return interleave<5>(sums, pitch, count, stride, out);
    case 6:
      return interleave<6>(sums, pitch, count, stride, out);
    case 8:
      return interleave<8>(sums, pitch, count, stride, out);
    default:
      return interleave<0>(sums, pitch, count, stride, out);
  }
}

}  // namespace

OverlapAdd::OverlapAdd(const LayerSpec& spec, std::int64_t output_length)
    : stride_(spec.stride),
      offset_(spec.padding + spec.trim[0]),
      output_length_(output_length),
      chunk_(std::clamp<std::int64_t>(4096 / spec.stride / 16 * 16, 16, 512)),
      phases_(static_cast<std::size_t>(spec.stride)) {
  for (std::int64_t j = 0; j < spec.kernel_size; ++j) {
    const std::int64_t reach = j * spec.dilation;
    phases_[static_cast<std::size_t>(reach % stride_)].push_back({j, reach / stride_});
    max_shift_ = std::max(max_shift_, reach / stride_);
  }
}

void OverlapAdd::run(const Rows& rows, float bias, std::int64_t begin, std::int64_t end, float* y) const {
  thread_local std::vector<float> scratch;
  scratch.resize(static_cast<std::size_t>(2 * chunk_ * stride_));
  float* const sums = scratch.data();
  float* const edge = sums + chunk_ * stride_;

  for (std::int64_t q0 = begin; q0 < end; q0 += chunk_) {
    const std::int64_t count = std::min(chunk_, end - q0);
    for (std::int64_t r = 0; r < stride_; ++r) {
      float* const sum = sums + r * chunk_;
      std::fill_n(sum, count, bias);
      for (const Tap& tap : phases_[static_cast<std::size_t>(r)]) {
        // Column of the first q, and the part of the chunk whose columns exist.
        const std::int64_t column = q0 - tap.shift - rows.first;
        const std::int64_t from = std::max<std::int64_t>(0, -column), to = std::min(count, rows.count - column);
        const float* const row = rows.data + tap.index * rows.pitch + column;
        const float scale = rows.scale ? rows.scale[tap.index] : 1.0f;
        if (rows.scale) {
          for (std::int64_t q = from; q < to; ++q) sum[q] += scale * row[q];
        } else {
          for (std::int64_t q = from; q < to; ++q) sum[q] += row[q];
        }
      }
    }
    const std::int64_t out = q0 * stride_ - offset_;
    if (out >= 0 && out + count * stride_ <= output_length_) {
      interleave(sums, chunk_, count, stride_, y + out);
    } else {
      interleave(sums, chunk_, count, stride_, edge);
      const std::int64_t from = std::max<std::int64_t>(0, -out);
      const std::int64_t to = std::min(count * stride_, output_length_ - out);
      if (from < to) std::copy(edge + from, edge + to, y + out + from);
    }
  }
}

}  // namespace unstride::bench
