// Arguments that do not fit are refused before anything is touched, in words that name them.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "tests/kernels/kernel_testing.h"

namespace unstride::testing {
namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

// What a call gets; each case spoils one thing. The layer: (2, 3, 4), stride 2; 5 inputs give 12 outputs.
struct Call {
  Kernel kernel = engine().compile(layer(2, 3, 4, 2));
  std::vector<float> w = std::vector<float>(2 * 3 * 4), b = std::vector<float>(3);
  std::vector<float> x = std::vector<float>(2 * 5), y = std::vector<float>(3 * 12);
  std::vector<double> wide = std::vector<double>(100);
  RunOptions options{.batch = 1, .length = 5};

  void run() { kernel.run(x, kernel.pack(w, b), y, options); }
};

struct Refusal {
  std::string name;
  std::function<void(Call&)> call;
  std::string message;

  friend std::ostream& operator<<(std::ostream& out, const Refusal& refusal) { return out << refusal.name; }
};

const std::vector<Refusal> refusals = {
    {"weights_too_few", [](Call& c) { c.w.pop_back(), c.run(); },
     "weight: 23 elements are too few; (2, 3, 4) needs 24"},
    {"weights_too_many", [](Call& c) { c.w.push_back(0), c.run(); },
     "weight: 25 elements are too many; (2, 3, 4) needs 24"},
    {"weights_of_another_type", [](Call& c) { c.kernel.pack(c.wide, c.b); },
     "weight: elements are float64; this kernel takes float32"},
    {"bias_missing", [](Call& c) { c.kernel.pack(c.w); }, "bias: 0 elements are too few; (3) needs 3"},
    {"bias_where_there_is_none",
     [](Call& c) {
       LayerSpec spec = c.kernel.spec();
       spec.bias = false;
       engine().compile(spec).pack(c.w, c.b);
     },
     "bias: 3 elements given, but spec.bias is false"},
    {"x_too_short", [](Call& c) { c.x.pop_back(), c.run(); }, "x: 9 elements are too few; (1, 2, 5) needs 10"},
    {"y_too_short", [](Call& c) { c.y.pop_back(), c.run(); }, "y: 35 elements are too few; (1, 3, 12) needs 36"},
    {"x_of_another_type", [](Call& c) { c.kernel.run(c.wide, c.kernel.pack(c.w, c.b), c.y, c.options); },
     "x: elements are float64; this kernel takes float32"},
    {"y_of_another_type", [](Call& c) { c.kernel.run(c.x, c.kernel.pack(c.w, c.b), c.wide, c.options); },
     "y: elements are float64; this kernel takes float32"},
    {"y_over_x",
     [](Call& c) {
       std::vector<float> both(100);
       c.kernel.run(both, c.kernel.pack(c.w, c.b), std::span<float>(both).subspan(9), c.options);
     },
     "y: overlaps x"},
    {"no_weights", [](Call& c) { c.kernel.run(c.x, {}, c.y, c.options); },
     "weights: are empty; Kernel::pack makes them"},
    {"weights_of_another_kernel",
     [](Call& c) {
       const Kernel other = engine().compile(layer(2, 3, 4, 1));
       c.kernel.run(c.x, other.pack(c.w, c.b), c.y, c.options);
     },
     "weights: were packed by another kernel; pack them with this one"},
    {"negative_batch", [](Call& c) { c.options.batch = -1, c.run(); }, "batch: -1: must be 0 or more"},
    {"negative_threads", [](Call& c) { c.options.threads = -1, c.run(); }, "threads: -1: must be 0 or more"},
    {"input_pitch_too_small", [](Call& c) { c.options.input_pitch = 4, c.run(); },
     "input_pitch: 4: must be at least the row's length, 5"},
    {"output_pitch_too_small", [](Call& c) { c.options.output_pitch = 11, c.run(); },
     "output_pitch: 11: must be at least the row's length, 12"},
    {"batch_beyond_64_bits", [](Call& c) { c.options.batch = largest, c.run(); },
     "batch: 9223372036854775807: times 2 channels overflows 64 bits"},
    {"pitch_beyond_64_bits", [](Call& c) { c.options.input_pitch = largest, c.run(); },
     "x: 2 rows of pitch 9223372036854775807 are more than 64 bits can address"},
    {"empty_kernel", [](Call&) { Kernel().spec(); }, "kernel: is empty; Engine::compile makes one"},
    {"negative_engine_threads", [](Call&) { Engine({.threads = -1}); },
     "threads: -1: must be 0 (all processors) or more"},
};

class Arguments : public ::testing::TestWithParam<Refusal> {};

TEST_P(Arguments, AreNamedInTheError) {
  Call call;
  try {
    GetParam().call(call);
    FAIL() << "accepted";
  } catch (const ArgumentError& error) {
    EXPECT_EQ(error.what(), GetParam().message);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernel, Arguments, ::testing::ValuesIn(refusals), [](const auto& c) { return c.param.name; });

TEST(OutputSize, OutsideTheRangeOfOutputPaddingsIsASpecError) {
  Call call;
  for (const std::int64_t size : {11, 14, -3}) {
    call.options.output_size = size;
    EXPECT_THROW(call.run(), SpecError) << size;
  }
}

TEST(Length, BelowOneIsASpecError) {
  Call call;
  for (const std::int64_t length : {std::int64_t{0}, std::int64_t{-1}, largest}) {
    call.options.length = length;
    EXPECT_THROW(call.run(), SpecError) << length;
  }
}

TEST(Arguments, ARefusedCallTouchesNothing) {
  Call call;
  std::ranges::fill(call.y, 5.0f);
  call.x.pop_back();
  EXPECT_THROW(call.run(), ArgumentError);
  EXPECT_EQ(call.y, std::vector<float>(36, 5.0f));
}

TEST(Arguments, LargerBuffersThanNeededAreFine) {
  Call call;
  call.x.resize(50);
  call.y.resize(100);
  EXPECT_NO_THROW(call.run());
}

TEST(Targets, UnknownOnesAreNamed) {
  struct Case {
    const char *target, *message;
  };
  for (const Case& c : {Case{"gpu", "target: \"gpu\": unknown; a target starts with cpu or cuda"},
                        Case{"cpu:x86-64-v9",
                             "target: \"cpu:x86-64-v9\": unknown; this build compiles for cpu, cpu:x86-64-v4+amx-bf16, "
                             "cpu:x86-64-v4+avx512-bf16, cpu:x86-64-v4, cpu:x86-64-v3"}}) {
    try {
      engine().compile(layer(1, 1, 1, 1), {.target = c.target, .plan = {}});
      ADD_FAILURE() << c.target << " accepted";
    } catch (const TargetError& error) {
      EXPECT_EQ(error.what(), std::string(c.message));
    }
  }
}

TEST(Specs, BuiltInCodeAreValidatedBeforeTheyAreCompiled) {
  EXPECT_THROW(engine().compile(layer(3, 3, 4, 0)), SpecError);
  LayerSpec spec = layer(3, 4, 4, 2);
  spec.groups = 2;
  EXPECT_THROW(engine().emit(spec, Emit::plan), SpecError);
}

}  // namespace
}  // namespace unstride::testing
