// What the tests on a GPU share: the engine, a layer on the device, and its results.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/kernels/kernel_testing.h"
#include "unstride/unstride.hpp"

namespace unstride::testing {

/// Empty when the machine has a GPU, an NVRTC, and code for the one by the other; else what is missing.
std::string why_no_gpu();

/// The tiles of a plan that the planner chose: each of them is a plan itself, unless its blocks share sums.
std::vector<std::string> tiles_of(std::string_view plan);

/// Skips every test of it, and says so, on a machine without a GPU.
class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_no_gpu(); !why.empty()) GTEST_SKIP() << "NOT TESTED: NO GPU: " << why;
  }
};

/// A long list of layers in parts, each a test of its own: scripts/gpu-check runs tests side by side, and what takes
/// longest is the compiling, on one processor.
class OnGpuInParts : public OnGpu, public ::testing::WithParamInterface<std::size_t> {
 public:
  static constexpr std::size_t parts = 8;

 protected:
  static bool mine(std::size_t k) { return k % parts == GetParam(); }
};

/// A kernel with its weights and a call's arrays on the device. y begins with a pattern that no test computes, and has
/// some of it behind its end.
template <typename T>
class GpuCall {
 public:
  GpuCall(const Kernel& kernel, const LayerData<T>& data, RunOptions options = {});
  GpuCall(const LayerData<T>& data, const CompileOptions& compile = {.target = "cuda"}, RunOptions options = {});

  /// Puts it on the call's own stream, or another.
  void run() const { run(stream_.handle()); }
  void run(void* stream) const;
  /// Throws with the layer and the plan when the device reports an error.
  void wait() const;
  /// y of the last run, waited for. Fails the test when anything was written behind its end.
  std::vector<T> result() const;
  /// run, wait, result.
  std::vector<T> operator()() const {
    run();
    return result();
  }
  /// Overwrites y with the pattern.
  void clear() const;

  const Kernel& kernel() const { return kernel_; }
  void* stream() const { return stream_.handle(); }

 private:
  Kernel kernel_;
  std::string description_;
  PackedWeights weights_;
  RunOptions options_;
  std::int64_t x_count_, y_count_;
  DeviceStream stream_;
  DeviceArray x_, y_, workspace_;
};

}  // namespace unstride::testing
