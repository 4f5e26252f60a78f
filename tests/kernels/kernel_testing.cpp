#include "tests/kernels/kernel_testing.h"

#include <fmt/format.h>

#include <cstdio>

namespace unstride::testing {

const Engine& engine() {
  // What is tested is what the code generator makes now, not what a cache has kept.
  static const Engine shared({.threads = 3, .cache = {.mode = CacheMode::off}});
  return shared;
}

std::string why_not_runnable(const std::string& target) {
  for (const TargetInfo& info : engine().targets())
    if (info.name == target) return info.runs ? std::string() : info.description;
  return "this build has no such target";
}

std::vector<std::string> runnable_instruction_sets() {
  std::vector<std::string> runnable;
  for (const std::string& target : instruction_sets) {
    const std::string why = why_not_runnable(target);
    if (why.empty())
      runnable.push_back(target);
    else
      fmt::print(stderr, "NOT TESTED: {}: {}\n", target, why);
  }
  return runnable;
}

template <typename T>
std::vector<T> run(const Kernel& kernel, const PackedWeights& weights, const LayerData<T>& data, RunOptions options,
                   Touching touching) {
  options.batch = data.batch;
  options.length = data.length;
  const std::int64_t row = options.output_size > 0 ? options.output_size : kernel.output_length(data.length);
  const T never_computed = stored<T>(dtype_of<T> == DType::float16 ? -61234 : -1.2345e30);
  const GuardedArray<T> x(std::span<const T>(data.x), touching);
  const GuardedArray<T> y(data.batch * data.spec.out_channels * row, never_computed, touching);
  kernel.run(x.elements(), weights, y.elements(), options);
  return {y.elements().begin(), y.elements().end()};
}

template <typename T>
std::vector<T> run(const Kernel& kernel, const LayerData<T>& data, const RunOptions& options, Touching touching) {
  return run(kernel, kernel.pack(data.w, data.b), data, options, touching);
}

template <typename T>
std::string describe(const Kernel& kernel, const LayerData<T>& data) {
  return fmt::format("{} N={} L={}; plan \"{}\" on {}", to_json(kernel.spec()), data.batch, data.length,
                     kernel.info().plan, kernel.info().target);
}

#define UNSTRIDE_INSTANTIATE(T)                                                                                \
  template std::vector<T> run(const Kernel&, const PackedWeights&, const LayerData<T>&, RunOptions, Touching); \
  template std::vector<T> run(const Kernel&, const LayerData<T>&, const RunOptions&, Touching);                \
  template std::string describe(const Kernel&, const LayerData<T>&);
UNSTRIDE_INSTANTIATE(float)
UNSTRIDE_INSTANTIATE(double)
UNSTRIDE_INSTANTIATE(Float16)
UNSTRIDE_INSTANTIATE(BFloat16)

}  // namespace unstride::testing
