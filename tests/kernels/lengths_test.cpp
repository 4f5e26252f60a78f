// Lengths beyond 2^31: sizes and offsets are 64-bit throughout.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <vector>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

// Zeros that take no memory until they are written.
class Zeros {
 public:
  explicit Zeros(std::int64_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(float)),
        memory_(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  ~Zeros() {
    if (reserved()) munmap(memory_, bytes_);
  }
  Zeros(const Zeros&) = delete;
  Zeros& operator=(const Zeros&) = delete;

  bool reserved() const { return memory_ != MAP_FAILED; }
  float* begin() { return static_cast<float*>(memory_); }

 private:
  std::size_t bytes_;
  void* memory_;
};

constexpr std::int64_t kept_inputs = 100;

// The outputs of an input that is zero but for its last (or first) `kept_inputs`, as far as those reach.
std::vector<float> outputs(const char* strategy, std::int64_t length, bool at_end) {
  LayerSpec spec = layer(1, 3, 5, 2);
  const std::int64_t others = spec.stride * (length - kept_inputs);
  const LayerData<float> data(spec, 0, 1);
  if (at_end)
    spec.trim = {others, 0};
  else
    spec.trim = {0, others};
  const Kernel kernel = engine().compile(spec, {.target = "cpu", .plan = strategy});
  Zeros x(length);
  if (!x.reserved()) return {};
  float* kept = at_end ? x.begin() + length - kept_inputs : x.begin();
  for (std::int64_t i = 0; i < kept_inputs; ++i) kept[i] = 0.01f * static_cast<float>(i + 1);
  const std::int64_t count = output_length(spec, length);
  std::vector<float> y(static_cast<std::size_t>(spec.out_channels * count));
  kernel.run(ConstBuffer(x.begin(), length, DType::float32), kernel.pack(data.w, data.b), y, {.length = length});
  return y;
}

TEST(Lengths, Beyond32BitsGiveTheOutputsOfShortOnes) {
  const std::int64_t long_input = (std::int64_t{1} << 31) + 1000;
  for (const char* strategy : {"row_lanes", "column_lanes", "depthwise"})
    for (const bool at_end : {false, true}) {
      const std::vector<float> y = outputs(strategy, long_input, at_end);
      if (y.empty()) GTEST_SKIP() << "no " << long_input << " floats of address space";
      EXPECT_TRUE(same_bits(y, outputs(strategy, 300, at_end))) << strategy << (at_end ? " end" : " begin");
    }
}

}  // namespace
}  // namespace unstride::testing
