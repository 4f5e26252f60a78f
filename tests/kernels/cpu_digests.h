// What the CPU's kernels give, as digests in a file (cpu_digests.txt): so a build for GPUs alone, which has no CPU
// kernels, is held to the same bits. A test here keeps the file true, one of tests/gpu reads it, and
// `unstride_make_cpu_digests FILE` writes it anew.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kernels/kernel_testing.h"
#include "tests/kernels/sweep_design.h"

namespace unstride::testing {

/// One call, on the seeded data of LayerData. In the file: "digest batch length spec", a line each.
struct CpuDigest {
  std::string digest;
  std::int64_t batch = 0, length = 0;
  LayerSpec spec;
};

/// FNV-1a over the bytes of the outputs.
template <typename T>
std::string digest_of(const std::vector<T>& outputs) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(outputs.data());
  std::uint64_t hash = 14695981039346656037u;
  for (std::size_t i = 0; i < outputs.size() * sizeof(T); ++i) hash = (hash ^ bytes[i]) * 1099511628211u;
  return fmt::format("{:016x}", hash);
}

inline std::string to_line(const CpuDigest& call) {
  return fmt::format("{} {} {} {}\n", call.digest, call.batch, call.length, to_json(call.spec));
}

inline std::vector<CpuDigest> read_digests(const std::string& path) {
  std::vector<CpuDigest> calls;
  std::ifstream file(path);
  for (CpuDigest call; file >> call.digest >> call.batch >> call.length;) {
    std::string spec;
    std::getline(file, spec);
    call.spec = parse_spec(spec);
    calls.push_back(call);
  }
  return calls;
}

/// The calls of the file: layers of every shape, some larger, in all types, at lengths on both sides of tiles' edges.
inline std::vector<CpuDigest> digest_calls() {
  std::vector<CpuDigest> calls;
  const std::array types = {DType::float32, DType::float64, DType::float16, DType::bfloat16};
  const auto add = [&](const LayerSpec& spec, std::int64_t batch, std::int64_t length) {
    try {
      output_length(spec, length);
    } catch (const SpecError&) {
      return;  // no output at this length
    }
    calls.push_back({.digest = {}, .batch = batch, .length = length, .spec = spec});
  };
  const auto points = sweep_points();
  for (std::size_t k = 0; k < points.size(); ++k)
    add(sweep_layer(points[k], types[(k + k / 4) % types.size()]), static_cast<std::int64_t>(k % 3) + 1,
        k % 2 == 0 ? longest_sweep_input : static_cast<std::int64_t>(1 + k % 7));

  LayerSpec deep = layer(96, 48, 16, 8), odd = layer(40, 24, 7, 3), istft = layer(20, 1, 64, 16);
  deep.padding = 4;
  deep.prologue = {Activation::Op::leaky_relu, 0.1};
  odd.dilation = 2;
  odd.groups = 4;
  odd.epilogue = {Activation::Op::relu};
  istft.bias = false;
  istft.trim = {8, 8};
  LayerSpec depthwise = layer(48, 48, 3, 2);
  depthwise.groups = 48;
  depthwise.output_padding = 1;
  for (LayerSpec spec : {deep, odd, istft, depthwise})
    for (const DType dtype : types)
      for (const std::int64_t length : {1, 127, 1000}) {
        spec.dtype = dtype;
        add(spec, 2, length);
      }
  return calls;
}

/// The digest of a CPU kernel's outputs.
inline std::string digest_on_cpu(const CpuDigest& call) {
  return with_element(call.spec.dtype, [&](auto element) {
    const LayerData<decltype(element)> data(call.spec, call.batch, call.length);
    return digest_of(run(engine().compile(call.spec), data));
  });
}

}  // namespace unstride::testing
