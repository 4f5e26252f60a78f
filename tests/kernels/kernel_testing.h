// What the kernel tests share: which targets there are, and a call in guarded memory.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/oracle/comparison.h"
#include "tests/oracle/guarded_array.h"
#include "tests/oracle/layer_data.h"
#include "unstride/unstride.hpp"

namespace unstride::testing {

/// One engine for all tests of a program, with three threads whatever the machine has.
const Engine& engine();

/// Both, whether or not this machine can run them.
inline const std::vector<std::string> instruction_sets = {"cpu:x86-64-v3", "cpu:x86-64-v4"};
/// Those that it can run. What is left out is said on standard error.
std::vector<std::string> runnable_instruction_sets();
/// Empty when code for the target runs here, else why not.
std::string why_not_runnable(const std::string& target);

/// Skips the test when the target cannot run here.
#define UNSTRIDE_SKIP_UNLESS_RUNNABLE(target)                                              \
  if (const std::string why = ::unstride::testing::why_not_runnable(target); !why.empty()) \
  GTEST_SKIP() << "NOT TESTED: " << (target) << ": " << why

/// y of the kernel for data.batch and data.length, whatever else the options say. x and y lie in guarded memory, their
/// first or last elements beside a page that may not be touched. y starts out as a value that no test computes, so that
/// an output that is never written does not pass.
template <typename T>
std::vector<T> run(const Kernel& kernel, const PackedWeights& weights, const LayerData<T>& data,
                   RunOptions options = {}, Touching touching = Touching::back);
template <typename T>
std::vector<T> run(const Kernel& kernel, const LayerData<T>& data, const RunOptions& options = {},
                   Touching touching = Touching::back);

/// The kernel and the shape of the data, in words that repeat the case: spec, plan, target, N and L.
template <typename T>
std::string describe(const Kernel& kernel, const LayerData<T>& data);

}  // namespace unstride::testing
