// Every kernel for every architecture, through the real NVRTC, without a GPU: it compiles, and no thread spills.
//
// Which layers: a third of the corpus for one architecture, and for the others some that take every strategy, element
// type and kind of math (bench/gpu_compile_times.cpp compiles the whole corpus). Skips, and says so, where there is no
// NVRTC or where it has no code for an architecture.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "tools/support/corpus.h"
#include "unstride/unstride.hpp"

namespace unstride::testing {
namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    if (::mkdtemp(path.data()) == nullptr) throw Error("mkdtemp: " + path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path = (fs::temp_directory_path() / "unstride-arch-XXXXXX").string();
};

// Empty when the target can be compiled for here.
std::string why_not(const std::string& target) {
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  for (const TargetInfo& info : engine.targets())
    if (info.name == target) return info.compiles ? "" : info.description;
  return "unknown";
}

// Compiles all on as many threads as there are processors, and reports each that fails or spills.
void expect_no_spills(const std::vector<LayerSpec>& layers, const std::string& target, const std::string& plan = {}) {
  const Folder folder;
  const Engine engine({.cache = {.mode = CacheMode::read_write, .directory = folder.path + "/cache"}});
  std::atomic<std::size_t> next = 0;
  std::vector<std::string> errors(layers.size());
  std::vector<std::thread> threads;
  for (int t = 0; t < engine.threads(); ++t)
    threads.emplace_back([&] {
      for (std::size_t k = next++; k < layers.size(); k = next++) {
        try {
          engine.precompile(layers[k], {.target = target, .plan = plan});
        } catch (const Error& error) {
          errors[k] = error.what();
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t k = 0; k < layers.size(); ++k) EXPECT_EQ(errors[k], "") << to_json(layers[k]) << " for " << target;
  int kernels = 0;
  for (const CacheEntry& entry : engine.cache_entries()) {
    const auto field = [&](const char* label) {
      return std::ranges::find(entry.fields, label, &CacheField::label)->value;
    };
    for (const CacheField& note : entry.notes) {
      if (!note.label.starts_with("unstride_")) continue;
      ++kernels;
      EXPECT_NE(note.value.find(", 0 bytes spilled"), std::string::npos)
          << note.label << ": " << note.value << "; " << target << "; " << field("plan") << "; " << field("spec");
    }
  }
  // The compiler's report was there, and read.
  EXPECT_GE(kernels, std::ssize(engine.cache_entries()));
}

class Architectures : public ::testing::TestWithParam<std::string> {};

// Every strategy with every element type that its code depends on, strict and fast. Compiling takes a third of a second
// for each, so none is there twice.
std::vector<LayerSpec> layers_of_every_kind() {
  LayerSpec deep{.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4};
  deep.prologue = {Activation::Op::leaky_relu, 0.1};
  LayerSpec shallow{.in_channels = 64, .out_channels = 32, .kernel_size = 4, .stride = 2, .padding = 1};
  LayerSpec depthwise{.in_channels = 512, .out_channels = 512, .kernel_size = 3, .stride = 2, .groups = 512};
  LayerSpec inverse_stft{
      .in_channels = 1026, .out_channels = 1, .kernel_size = 1024, .stride = 256, .groups = 1, .bias = false};
  LayerSpec odd{
      .in_channels = 24, .out_channels = 20, .kernel_size = 7, .stride = 3, .dilation = 2, .groups = 2, .bias = true};
  odd.epilogue = {Activation::Op::relu};

  std::vector<LayerSpec> layers;
  const auto add = [&](LayerSpec layer, DType dtype, Math math) {
    layer.dtype = dtype;
    layer.math = math;
    layers.push_back(layer);
  };
  for (const LayerSpec& layer : {deep, shallow, depthwise, inverse_stft, odd}) add(layer, DType::float32, Math::strict);
  for (const LayerSpec& layer : {deep, depthwise}) add(layer, DType::float64, Math::strict);
  for (const LayerSpec& layer : {shallow, depthwise}) add(layer, DType::bfloat16, Math::strict);
  for (const LayerSpec& layer : {deep, odd}) add(layer, DType::float16, Math::strict);
  for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16})
    for (const LayerSpec& layer : {deep, shallow}) add(layer, dtype, Math::fast);
  for (const LayerSpec& layer : {inverse_stft, odd}) add(layer, DType::bfloat16, Math::fast);
  return layers;
}

TEST_P(Architectures, EveryStrategyAndElementTypeCompilesWithoutSpills) {
  if (const std::string why = why_not(GetParam()); !why.empty()) GTEST_SKIP() << "NOT COMPILED: " << why;
  expect_no_spills(layers_of_every_kind(), GetParam());
}

// Blocks that share a sum, whether or not the planner prefers that for the layer. The tile's registers are at their
// limit.
TEST_P(Architectures, SplitReductionsCompileWithoutSpills) {
  if (const std::string why = why_not(GetParam()); !why.empty()) GTEST_SKIP() << "NOT COMPILED: " << why;
  LayerSpec deep{.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4};
  deep.math = Math::fast;
  std::vector<LayerSpec> layers;
  for (const DType dtype : {DType::float16, DType::float32, DType::bfloat16}) {
    if (GetParam() == "cuda:sm_75" && dtype != DType::float16) continue;
    deep.dtype = dtype;
    layers.push_back(deep);
  }
  const std::string
      large =
          "mma order=channels columns=64 inner_tiles=1 outer_tiles=8 column_warps=2 row_warps=2 depth_warps=1 "
          "slabs=1 tap_block=2 stages=3 splits=",
      small =
          "mma order=channels columns=16 inner_tiles=1 outer_tiles=4 column_warps=1 row_warps=1 depth_warps=4 "
          "slabs=1 tap_block=2 stages=2 splits=";
  for (const std::string& tile : {large, small})
    expect_no_spills(layers, GetParam(),
                     tile + "1 blocks_per_multiprocessor=2; " + tile + "4 blocks_per_multiprocessor=2");
}

// Both roles of its warpgroups, whichever strategy the planner prefers.
TEST(WgmmaOnNvrtc, CompilesWithoutSpills) {
  if (const std::string why = why_not("cuda:sm_90a"); !why.empty()) GTEST_SKIP() << "NOT COMPILED: " << why;
  std::vector<LayerSpec> layers;
  for (const DType dtype : {DType::float32, DType::float16, DType::bfloat16}) {
    LayerSpec deep{.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4};
    deep.prologue = {Activation::Op::leaky_relu, 0.1};
    LayerSpec inverse_stft{
        .in_channels = 1026, .out_channels = 1, .kernel_size = 1024, .stride = 256, .groups = 1, .bias = false};
    LayerSpec many_taps{.in_channels = 256, .out_channels = 128, .kernel_size = 15, .stride = 2, .padding = 7};
    for (LayerSpec layer : {deep, inverse_stft, many_taps}) {
      layer.dtype = dtype;
      layer.math = Math::fast;
      layers.push_back(layer);
    }
  }
  expect_no_spills(layers, "cuda:sm_90a", "wgmma");
}

// Two warpgroups share what their block starts with: were it less than each thread's share of a multiprocessor's
// registers, one of them would wait for the rest forever. The tile itself needs few.
TEST(WgmmaOnNvrtc, BlocksOfTwoWarpgroupsStartWithAllRegisters) {
  if (const std::string why = why_not("cuda:sm_90a"); !why.empty()) GTEST_SKIP() << "NOT COMPILED: " << why;
  const Folder folder;
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::read_write, .directory = folder.path + "/cache"}});
  LayerSpec deep{.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4};
  deep.math = Math::fast;
  for (const DType dtype : {DType::float32, DType::float16}) {
    deep.dtype = dtype;
    engine.precompile(deep, {.target = "cuda:sm_90a",
                             .plan = "wgmma order=channels inner_tiles=1 outer_tiles=8 warpgroups=2 slabs=1 stages=2 "
                                     "splits=1 blocks_per_multiprocessor=1"});
  }
  int kernels = 0;
  for (const CacheEntry& entry : engine.cache_entries())
    for (const CacheField& note : entry.notes) {
      if (!note.label.starts_with("unstride_")) continue;
      ++kernels;
      EXPECT_EQ(note.value.substr(0, note.value.find(',')), "168 registers");  // 65536 by 384 threads, in eights
    }
  EXPECT_EQ(kernels, 2);
}

// As tuning may put them together: each strategy's header beside the others'.
TEST(TunedPlansOnNvrtc, KernelsOfSeveralStrategiesCompile) {
  if (const std::string why = why_not("cuda:sm_90a"); !why.empty()) GTEST_SKIP() << "NOT COMPILED: " << why;
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  LayerSpec fast{.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4};
  fast.math = Math::fast;
  LayerSpec strict{.in_channels = 64, .out_channels = 64, .kernel_size = 4, .stride = 2, .groups = 64};
  const auto compile_mixed = [&](const LayerSpec& layer, std::initializer_list<const char*> strategies) {
    std::string plan;
    for (const char* strategy : strategies) {
      std::string text = engine.explain(layer, {.target = "cuda:sm_90a", .plan = strategy}).plan;
      text = text.substr(0, text.find(';'));
      const std::string calls = std::to_string(plan.size());
      plan += plan.empty() ? text : "; columns=" + calls + ".." + calls + ": " + text;
    }
    EXPECT_EQ(engine.precompile(layer, {.target = "cuda:sm_90a", .plan = plan}).plan, plan);
  };
  compile_mixed(fast, {"ffma", "mma", "wgmma"});
  compile_mixed(strict, {"depthwise", "ffma"});
}

INSTANTIATE_TEST_SUITE_P(Nvrtc, Architectures,
                         ::testing::Values("cuda:sm_75", "cuda:sm_80", "cuda:sm_86", "cuda:sm_89", "cuda:sm_90a",
                                           "cuda:sm_100", "cuda:sm_120"),
                         [](const auto& target) { return target.param.substr(5); });

// What the driver of a newer device makes its code of. Products and sums say how they round: the driver must not fuse
// them, so that the bits are those of every other target.
TEST(PtxOnNvrtc, IsMadeForEveryArchitectureAndLeavesTheDriverNothingToFuse) {
  const Engine engine({.threads = 1, .cache = {.mode = CacheMode::off}});
  int made = 0;
  for (const TargetInfo& target : engine.targets()) {
    if (!target.name.starts_with("cuda:compute_") || !target.compiles) continue;
    ++made;
    LayerSpec layer{.in_channels = 24, .out_channels = 20, .kernel_size = 7, .stride = 3};
    layer.prologue = layer.epilogue = {Activation::Op::leaky_relu, 0.1};
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16}) {
      layer.dtype = dtype;
      const std::string ptx = engine.emit(layer, Emit::ptx, {.target = target.name});
      const std::string number = target.name.substr(target.name.find('_') + 1);
      EXPECT_NE(ptx.find(".target sm_" + number + "\n"), ptx.npos) << target.name;
      EXPECT_NE(ptx.find("mul.rn.f"), ptx.npos) << target.name;
      for (const char* free : {"mul.f", "add.f", "sub.f", "mad.f"})
        EXPECT_EQ(ptx.find(free), ptx.npos) << target.name << ": " << free;
    }
  }
  if (made == 0) GTEST_SKIP() << "NOT COMPILED: no NVRTC";
}

TEST(CorpusOnNvrtc, LayersOfEveryModelCompileWithoutSpills) {
  if (const std::string why = why_not("cuda:sm_90a"); !why.empty()) GTEST_SKIP() << "NOT COMPILED: " << why;
  std::vector<LayerSpec> layers;
  for (const tools::CorpusLayer& layer : tools::read_corpus(UNSTRIDE_CORPUS))
    if (layer.headline || layer.id % 4 == 0) layers.push_back(layer.spec);
  ASSERT_GT(layers.size(), 20u);
  expect_no_spills(layers, "cuda:sm_90a");
}

}  // namespace
}  // namespace unstride::testing
