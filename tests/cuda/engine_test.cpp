// CUDA targets through the engine: cache, bundles, devices, launches and every error, on the fake driver and NVRTC.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <new>
#include <thread>

#include "templates/cuda/layer.h"
#include "templates/cuda/split_tile.h"
#include "tests/cuda/fakes.h"
#include "unstride/unstride.hpp"

namespace {

// Counts what the calling thread allocates.
thread_local std::int64_t allocations = 0;

}  // namespace

// NOLINTBEGIN(misc-new-delete-overloads)
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // where GCC inlines one of them and not the other
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#pragma GCC diagnostic pop
// NOLINTEND(misc-new-delete-overloads)

namespace unstride::testing {
namespace {

namespace fs = std::filesystem;

LayerSpec small_layer(std::int64_t out_channels = 24) {
  return {.in_channels = 16, .out_channels = out_channels, .kernel_size = 8, .stride = 4, .padding = 2};
}

template <typename Exception, typename F>
std::string error_of(F work) {
  try {
    work();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

class CudaEngine : public ::testing::Test {
 protected:
  CudaEngine() { std::ignore = ::mkdtemp(root_.data()); }
  ~CudaEngine() override { fs::remove_all(root_); }

  Engine engine(CacheMode mode = CacheMode::read_write, std::vector<std::string> bundles = {}) {
    return Engine({.threads = 1,
                   .cache = {.mode = mode,
                             .directory = root_ + "/cache",
                             .bundles = std::move(bundles),
                             .log = [this](const std::string& line) { log_.push_back(line); }}});
  }
  static void without_nvrtc() { setenv("UNSTRIDE_NVRTC", "/nowhere/libnvrtc.so", 1); }
  static void without_driver() { setenv("UNSTRIDE_CUDA_DRIVER", "/nowhere/libcuda.so", 1); }

  std::string bundle_of(const LayerSpec& spec, const std::string& target, const std::string& plan = {}) {
    const std::string path = root_ + "/kernels.bundle";
    BundleBuilder builder;
    engine(CacheMode::off).precompile(spec, {.target = target, .plan = plan}, &builder);
    builder.write(path);
    return path;
  }

  WithFakes fakes_;
  std::string root_ = (fs::temp_directory_path() / "unstride-cuda-XXXXXX").string();
  std::vector<std::string> log_;
};

TEST_F(CudaEngine, ALayerIsCompiledOnceAndFoundByTheNextEngine) {
  EXPECT_EQ(engine().compile(small_layer(), {.target = "cuda"}).info().cache, "miss");
  const Engine second = engine();
  EXPECT_EQ(second.compile(small_layer(), {.target = "cuda"}).info().cache, "hit");
  EXPECT_EQ(second.statistics().compilations, 0);
  EXPECT_EQ(fake_nvrtc().compilations.size(), 1u);
}

TEST_F(CudaEngine, TheDevicesOwnTargetAndItsNameAreTheSameKernel) {
  engine().compile(small_layer(), {.target = "cuda"});
  EXPECT_EQ(engine().compile(small_layer(), {.target = "cuda:sm_90a"}).info().cache, "hit");
  EXPECT_EQ(fake_nvrtc().compilations.at(0).options.back(), "--gpu-architecture=sm_90a");
}

TEST_F(CudaEngine, TheKeyDependsOnLayerArchitecturePlanAndCompiler) {
  const Engine it = engine();
  const auto is_new = [&](const Engine& engine, const LayerSpec& spec, const CompileOptions& options) {
    return engine.precompile(spec, options).cache == "miss";
  };
  EXPECT_TRUE(is_new(it, small_layer(), {.target = "cuda:sm_90a"}));
  EXPECT_TRUE(is_new(it, small_layer(), {.target = "cuda:sm_80"}));
  EXPECT_TRUE(is_new(it, small_layer(25), {.target = "cuda:sm_80"}));
  EXPECT_FALSE(is_new(it, small_layer(), {.target = "cuda:sm_80"}));
  fake_nvrtc().minor = 1;
  EXPECT_TRUE(is_new(engine(), small_layer(), {.target = "cuda:sm_80"}));
  const CompileInfo info = it.precompile(small_layer(), {.target = "cuda:sm_80"});
  const std::string one = info.plan.substr(0, info.plan.find(';'));
  EXPECT_EQ(is_new(it, small_layer(), {.target = "cuda:sm_80", .plan = one}), one != info.plan);
}

TEST_F(CudaEngine, TheKeyHoldsTheFinalSourceTheHeadersAndTheCompilersBuild) {
  const CacheExplanation explained = engine().explain(small_layer(), {.target = "cuda:sm_90a"});
  EXPECT_FALSE(explained.hit);
  const auto value = [&](const std::string& label) {
    const auto found = std::ranges::find(explained.fields, label, &CacheField::label);
    return found == explained.fields.end() ? std::string() : found->value;
  };
  EXPECT_EQ(value("source"), engine().emit(small_layer(), Emit::cuda, {.target = "cuda:sm_90a"}));
  EXPECT_EQ(value("headers").size(), 64u);
  EXPECT_TRUE(value("compiler").starts_with("nvrtc 13.0 ")) << value("compiler");
  EXPECT_EQ(value("target"), "sm_90a");
}

TEST_F(CudaEngine, ModeRequireNamesTheNearestEntryAndCompilesNothing) {
  engine().precompile(small_layer(), {.target = "cuda:sm_90a"});
  const Engine strict = engine(CacheMode::require);
  const std::string error =
      error_of<CacheMissError>([&] { strict.compile(small_layer(25), {.target = "cuda:sm_90a"}); });
  EXPECT_NE(error.find("spec.out_channels"), std::string::npos) << error;
  EXPECT_EQ(fake_nvrtc().compilations.size(), 1u);
}

TEST_F(CudaEngine, ABundleServesAMachineWithoutNvrtc) {
  for (const std::string plan : {"", "ffma", "mma"}) {
    SCOPED_TRACE(plan);
    LayerSpec spec = small_layer();
    if (plan == "mma") spec.math = Math::fast;
    const WithFakes fakes;
    const std::string bundle = bundle_of(spec, "cuda:sm_90a", plan);
    without_nvrtc();
    const Engine it = engine(CacheMode::require, {bundle});
    const Kernel kernel = it.compile(spec, {.target = "cuda"});
    EXPECT_TRUE(kernel.info().plan.starts_with(plan)) << kernel.info().plan;
    EXPECT_EQ(kernel.info().cache, "hit");
    EXPECT_EQ(kernel.info().cache_where, bundle);
    EXPECT_EQ(it.statistics().compilations, 0);
  }
}

TEST_F(CudaEngine, ABundleOfTheSameKernelsIsTheSameBytes) {
  const auto bytes = [&] { return fs::file_size(bundle_of(small_layer(), "cuda:sm_90a")); };
  EXPECT_EQ(bytes(), bytes());
}

TEST_F(CudaEngine, ABundleForAnotherArchitectureIsNotUsed) {
  const std::string bundle = bundle_of(small_layer(), "cuda:sm_80");
  const std::string error = error_of<CacheMissError>(
      [&] { engine(CacheMode::require, {bundle}).compile(small_layer(), {.target = "cuda"}); });
  EXPECT_NE(error.find("target: wanted sm_90a, found sm_80"), std::string::npos) << error;
}

TEST_F(CudaEngine, TheEntryIsTheCubinItself) {
  const Engine it = engine();
  it.precompile(small_layer(), {.target = "cuda:sm_90a"});
  ASSERT_EQ(it.cache_entries().size(), 1u);
  EXPECT_EQ(it.cache_extract(it.cache_entries()[0].key),
            it.emit(small_layer(), Emit::cubin, {.target = "cuda:sm_90a"}));
}

TEST_F(CudaEngine, ACachedCubinThatTheDriverRejectsIsCompiledAgainAndReplaced) {
  fake_nvrtc().code_prefix = "damaged";
  engine().precompile(small_layer(), {.target = "cuda:sm_90a"});
  fake_nvrtc().code_prefix = fake_driver().code_prefix;
  const Engine it = engine();
  EXPECT_EQ(it.compile(small_layer(), {.target = "cuda"}).info().cache, "miss");
  EXPECT_EQ(it.statistics().compilations, 1);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("was rejected and is not used"), std::string::npos) << log_[0];
}

// The bundle's compiler is too new for the driver, and the one that is here is not.
TEST_F(CudaEngine, WhatReplacesABundledCubinThatTheDriverRejectsIsFoundByTheNextEngine) {
  fake_nvrtc().code_prefix = "too new";
  const std::string bundle = bundle_of(small_layer(), "cuda:sm_90a");
  fake_nvrtc().code_prefix = fake_driver().code_prefix;
  for (const int minor : {0, 1}) {  // made by this compiler, and by another
    fake_nvrtc().minor = minor;
    fs::remove_all(root_ + "/cache");
    const Engine first = engine(CacheMode::read_write, {bundle});
    EXPECT_EQ(first.compile(small_layer(), {.target = "cuda"}).info().cache, "miss");
    EXPECT_EQ(first.statistics().compilations, 1);
    const Engine second = engine(CacheMode::read_write, {bundle});
    const CompileInfo info = second.compile(small_layer(), {.target = "cuda"}).info();
    EXPECT_EQ(info.cache, "hit");
    EXPECT_EQ(info.cache_where, root_ + "/cache");
    EXPECT_EQ(info.target, "cuda:sm_90a (nvrtc 13." + std::to_string(minor) + ")");
    EXPECT_EQ(second.statistics().compilations, 0);
  }
}

TEST_F(CudaEngine, WhatFailsAfterARejectionNamesTheRejection) {
  fake_nvrtc().code_prefix = "too new";
  const std::string bundle = bundle_of(small_layer(), "cuda:sm_90a");
  const auto rejected = [&](const std::string& error) {
    EXPECT_NE(error.find("the entry in " + bundle + " cannot be used: cuda: the driver does not take this code"),
              std::string::npos)
        << error;
  };
  rejected(error_of<CompileError>(
      [&] { engine(CacheMode::read_write, {bundle}).compile(small_layer(), {.target = "cuda"}); }));
  fs::remove_all(root_ + "/cache");
  without_nvrtc();
  const std::string error = error_of<TargetError>(
      [&] { engine(CacheMode::read_write, {bundle}).compile(small_layer(), {.target = "cuda"}); });
  EXPECT_NE(error.find("NVRTC (the CUDA compiler) could not be opened"), std::string::npos) << error;
  rejected(error);
}

TEST_F(CudaEngine, InModeRequireARejectedCubinIsAnError) {
  fake_nvrtc().code_prefix = "damaged";
  engine().precompile(small_layer(), {.target = "cuda:sm_90a"});
  error_of<CompileError>([&] { engine(CacheMode::require).compile(small_layer(), {.target = "cuda"}); });
}

TEST_F(CudaEngine, ThreadsThatAskForTheSameCompileItOnce) {
  const Engine it = engine();
  std::vector<std::thread> threads;
  for (int k = 0; k < 8; ++k) threads.emplace_back([&] { it.compile(small_layer(), {.target = "cuda"}); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fake_nvrtc().compilations.size(), 1u);
}

TEST_F(CudaEngine, WithoutNvrtcPlanAndSourceAreStillMade) {
  without_nvrtc();
  const Engine it = engine();
  EXPECT_FALSE(it.emit(small_layer(), Emit::plan, {.target = "cuda:sm_90a"}).empty());
  EXPECT_NE(it.emit(small_layer(), Emit::cuda, {.target = "cuda:sm_90a"}).find("__global__"), std::string::npos);
  const std::string error =
      error_of<TargetError>([&] { it.emit(small_layer(), Emit::cubin, {.target = "cuda:sm_90a"}); });
  EXPECT_NE(error.find("pip install nvidia-cuda-nvrtc"), std::string::npos) << error;
}

TEST_F(CudaEngine, WithoutADriverAnArchitectureThatIsNamedIsCompiledForAndCudaIsAnError) {
  without_driver();
  const Engine it = engine();
  EXPECT_EQ(it.precompile(small_layer(), {.target = "cuda:sm_90a"}).cache, "miss");
  for (const char* target : {"cuda", "cuda:sm_90a"}) {
    const std::string error = error_of<TargetError>([&] { it.compile(small_layer(), {.target = target}); });
    EXPECT_NE(error.find("NVIDIA's driver"), std::string::npos) << error;
  }
}

TEST_F(CudaEngine, CodeThatTheDeviceCannotRunIsRefusedBeforeItIsCompiled) {
  fake_driver().devices[0].major = 8;
  fake_driver().devices[0].minor = 6;
  const Engine it = engine();
  EXPECT_TRUE(it.compile(small_layer(), {.target = "cuda"}).info().target.starts_with("cuda:sm_86"));
  it.compile(small_layer(), {.target = "cuda:sm_80"});  // an earlier one of the same major version runs
  for (const char* target : {"cuda:sm_89", "cuda:sm_90a", "cuda:sm_75"}) {
    const std::string error = error_of<TargetError>([&] { it.compile(small_layer(), {.target = target}); });
    EXPECT_NE(error.find("compute capability 8.6"), std::string::npos) << error;
  }
  EXPECT_EQ(fake_nvrtc().compilations.size(), 2u);
}

TEST_F(CudaEngine, ADeviceThatThereIsNoCodeForIsNamed) {
  fake_driver().devices[0].major = 5;
  const std::string error = error_of<TargetError>([&] { engine().compile(small_layer(), {.target = "cuda"}); });
  EXPECT_NE(error.find("(Fake GPU) has compute capability 5.0"), std::string::npos) << error;
}

TEST_F(CudaEngine, UnknownTargetsAndProductsAreRefusedWithWhatThereIs) {
  const Engine it = engine();
  std::string error = error_of<TargetError>([&] { it.precompile(small_layer(), {.target = "cuda:sm_1"}); });
  EXPECT_NE(error.find("must be one of cuda, cuda:sm_75"), std::string::npos) << error;
  error = error_of<ArgumentError>([&] { it.emit(small_layer(), Emit::object, {.target = "cuda:sm_90a"}); });
  EXPECT_NE(error.find("PTX and a cubin"), std::string::npos) << error;
}

// A kernel with weights, x and y on its device.
struct OnDevice {
  OnDevice(const Engine& engine, const LayerSpec& spec, std::int64_t batch_size, std::int64_t input_length,
           int device = 0)
      : kernel(engine.compile(spec, {.target = "cuda", .device = device})),
        batch(batch_size),
        length(input_length),
        output_length(kernel.output_length(length)),
        x(engine, batch * spec.in_channels * length * 4, device),
        y(engine, batch * spec.out_channels * output_length * 4, device) {
    const auto parameters = initial_parameters<float>(spec, 1);
    const std::span<const float> all(parameters);
    const auto count = static_cast<std::size_t>(spec.weight_count());
    weights = kernel.pack(all.first(count), all.subspan(count));
  }
  void run(void* stream = nullptr, Workspace workspace = {}) const {
    kernel.run(ConstBuffer(x.data(), x.bytes() / 4, DType::float32), weights,
               Buffer(y.data(), y.bytes() / 4, DType::float32),
               {.batch = batch, .length = length, .stream = stream, .workspace = workspace});
  }

  Kernel kernel;
  std::int64_t batch, length, output_length;
  DeviceArray x, y;
  PackedWeights weights;
};

TEST_F(CudaEngine, ADeviceNewerThanAllThatAreKnownGetsPtx) {
  fake_driver().devices[0].major = 13;
  const Engine it = engine();
  const OnDevice layer(it, small_layer(), 1, 50);
  layer.run();
  EXPECT_EQ(fake_driver().launches.size(), 1u);
  EXPECT_TRUE(layer.kernel.info().target.starts_with("cuda:compute_120")) << layer.kernel.info().target;
  ASSERT_EQ(fake_nvrtc().compilations.size(), 1u);
  EXPECT_EQ(fake_nvrtc().compilations[0].options.back(), "--gpu-architecture=compute_120");
  EXPECT_EQ(engine().compile(small_layer(), {.target = "cuda"}).info().cache, "hit");
  EXPECT_EQ(it.cache_extract(it.cache_entries().at(0).key), it.emit(small_layer(), Emit::ptx, {.target = "cuda"}));
  EXPECT_EQ(cuda_info(it).devices.at(0).target, "cuda:compute_120");
  const std::string error =
      error_of<ArgumentError>([&] { it.emit(small_layer(), Emit::cubin, {.target = "cuda:compute_120"}); });
  EXPECT_NE(error.find("has PTX and no cubin"), std::string::npos) << error;
}

TEST_F(CudaEngine, PtxThatIsNamedRunsOnLaterDevicesAndNotOnEarlierOnes) {
  const Engine it = engine();  // the device is a 9.0
  EXPECT_EQ(it.compile(small_layer(), {.target = "cuda:compute_80"}).info().cache, "miss");
  EXPECT_EQ(it.precompile(small_layer(), {.target = "cuda:sm_80"}).cache, "miss") << "a cubin is another entry";
  const std::string error = error_of<TargetError>([&] { it.compile(small_layer(), {.target = "cuda:compute_100"}); });
  EXPECT_NE(error.find("compute capability 9.0"), std::string::npos) << error;
  for (const TargetInfo& info : it.targets())
    if (info.name.starts_with("cuda:compute_")) {
      EXPECT_TRUE(info.compiles) << info.name;
      EXPECT_EQ(info.runs, std::stoi(info.name.substr(info.name.find('_') + 1)) <= 90) << info.name;
    }
}

TEST_F(CudaEngine, ARunIsOneLaunchWithTheCallsArguments) {
  const Engine it = engine();
  const OnDevice layer(it, small_layer(), 3, 50);
  const DeviceStream stream(it);
  static gpu::Arguments seen;
  fake_driver().on_launch = [](const FakeLaunch& launch) {
    seen = *static_cast<const gpu::Arguments*>(launch.parameters[0]);
  };
  layer.run(stream.handle());
  ASSERT_EQ(fake_driver().launches.size(), 1u);
  EXPECT_EQ(fake_driver().launches[0].stream, stream.handle());
  EXPECT_GT(fake_driver().launches[0].grid[0], 0u);
  EXPECT_EQ(seen.x, layer.x.data());
  EXPECT_EQ(seen.y, layer.y.data());
  EXPECT_TRUE(fake_driver().allocations.contains(const_cast<void*>(seen.weights)));
  EXPECT_TRUE(fake_driver().allocations.contains(const_cast<void*>(seen.bias)));
  EXPECT_EQ(seen.batch, 3);
  EXPECT_EQ(seen.input_length, 50);
  EXPECT_EQ(seen.input_pitch, 50);
  EXPECT_EQ(seen.output_length, layer.output_length);
  EXPECT_EQ(seen.output_pitch, layer.output_length);
  EXPECT_EQ(seen.columns, (2 + layer.output_length - 1) / 4 - 2 / 4 + 1);
}

TEST_F(CudaEngine, ARunAllocatesNothingAndWaitsForNothing) {
  const Engine it = engine();
  const OnDevice layer(it, small_layer(), 2, 1000);
  const DeviceStream stream(it);
  layer.run(stream.handle());
  const auto calls = fake_driver().calls;
  fake_driver().keeps_account = false;
  const std::int64_t before = allocations;
  layer.run(stream.handle());
  EXPECT_EQ(allocations, before);
  fake_driver().keeps_account = true;
  layer.run(stream.handle());
  for (const char* call : {"cuStreamSynchronize", "cuMemAlloc", "cuFuncSetAttribute", "cuFuncLoad"})
    EXPECT_EQ(fake_driver().calls[call], calls.contains(call) ? calls.at(call) : 0) << call;
}

TEST_F(CudaEngine, EveryLengthIsAnsweredByACompiledVariant) {
  const Engine it = engine();
  for (const std::int64_t length : {1, 7, 100, 5000, 200'000}) {
    const OnDevice layer(it, small_layer(), 1, length);
    layer.run();
  }
  EXPECT_EQ(fake_nvrtc().compilations.size(), 1u);
  EXPECT_EQ(fake_driver().launches.size(), 5u);
}

// Few columns and a long sum: several blocks share it.
LayerSpec layer_with_shared_sums() {
  LayerSpec spec{.in_channels = 512, .out_channels = 256, .kernel_size = 16, .stride = 8, .padding = 4};
  spec.math = Math::fast;
  return spec;
}

TEST_F(CudaEngine, SmallCallsOfFastMathNeedAWorkspaceAndOthersNone) {
  const Engine it = engine();
  const Kernel fast = it.compile(layer_with_shared_sums(), {.target = "cuda"});
  EXPECT_GT(fast.workspace_bytes(1, 8), gpu::SplitTile::counter_bytes);
  EXPECT_EQ(fast.workspace_bytes(16, 5000), 0);
  EXPECT_EQ(fast.workspace_bytes(0, 8), 0);
  LayerSpec strict = layer_with_shared_sums();
  strict.math = Math::strict;
  EXPECT_EQ(it.compile(strict, {.target = "cuda"}).workspace_bytes(1, 8), 0);
  error_of<ArgumentError>([&] { fast.workspace_bytes(-1, 8); });
  error_of<SpecError>([&] { fast.workspace_bytes(1, 0); });
  error_of<ArgumentError>([&] { fast.workspace_bytes(std::numeric_limits<std::int64_t>::max(), 8); });
  error_of<Error>([&] { fast.workspace_bytes(1, 8, 1'000'000); });
}

TEST_F(CudaEngine, AWorkspaceThatWillNotDoIsRefusedWithWhatIsNeeded) {
  fake_driver().devices.resize(2);
  const Engine it = engine();
  const OnDevice layer(it, layer_with_shared_sums(), 1, 8);
  const std::int64_t bytes = layer.kernel.workspace_bytes(1, 8);
  const DeviceArray workspace(it, bytes + 16), elsewhere(it, bytes, 1);
  std::vector<double> on_host(static_cast<std::size_t>(bytes / 8 + 1));
  auto* const begin = static_cast<char*>(workspace.data());
  const auto error = [&](void* data, std::int64_t count) {
    return error_of<ArgumentError>([&] { layer.run(nullptr, {data, count}); });
  };
  const std::string needs = "this call needs " + std::to_string(bytes) + " bytes of the device's memory, aligned to 16";
  const auto expect = [&](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(error(nullptr, 0), "workspace: is null; " + needs);
  expect(error(begin, bytes - 1), std::to_string(bytes - 1) + " bytes are too few; " + needs);
  expect(error(begin + 8, bytes), "is not aligned; " + needs);
  expect(error(on_host.data(), bytes), "workspace: is not memory of device 0");
  expect(error(elsewhere.data(), bytes), "workspace: is memory of device 1, not of device 0");
  expect(error(begin, -1), "workspace: -1 bytes");
  expect(error(layer.y.data(), 16), "workspace: overlaps y");
  expect(error(layer.x.data(), 16), "workspace: overlaps x");
  EXPECT_TRUE(fake_driver().launches.empty());
}

TEST_F(CudaEngine, AWorkspaceIsClearedOnceAndHandedToTheKernel) {
  const Engine it = engine();
  const OnDevice layer(it, layer_with_shared_sums(), 1, 8);
  const DeviceArray workspace(it, layer.kernel.workspace_bytes(1, 8));
  std::vector<char> bytes(static_cast<std::size_t>(workspace.bytes()), 1);
  workspace.upload(bytes.data(), workspace.bytes());
  workspace.clear();
  workspace.download(bytes.data(), workspace.bytes());
  EXPECT_EQ(std::ranges::count(bytes, 0), workspace.bytes());
  static void* seen;
  fake_driver().on_launch = [](const FakeLaunch& launch) {
    seen = static_cast<const gpu::Arguments*>(launch.parameters[0])->workspace;
  };
  const auto calls = fake_driver().calls;
  layer.run(nullptr, {workspace.data(), workspace.bytes()});
  EXPECT_EQ(seen, workspace.data());
  for (const char* call : {"cuStreamSynchronize", "cuMemAlloc", "cuMemsetD8"})
    EXPECT_EQ(fake_driver().calls[call], calls.contains(call) ? calls.at(call) : 0) << call;
}

// Another number of multiprocessors would choose another variant, and other bits.
TEST_F(CudaEngine, EveryDeviceOfATargetRunsTheSameVariantOfFastMath) {
  const auto launches = [&](int multiprocessors) {
    const WithFakes fakes;
    fake_driver().devices[0].multiprocessors = multiprocessors;
    const Engine it = engine();
    for (const std::int64_t length : {8, 100, 1000, 10'000}) {
      const OnDevice layer(it, layer_with_shared_sums(), 1, length);
      const DeviceArray workspace(it, layer.kernel.workspace_bytes(1, length));
      layer.run(nullptr, {workspace.data(), workspace.bytes()});
    }
    std::vector<std::string> result;
    for (const FakeLaunch& launch : fake_driver().launches)
      result.push_back(launch.function + " of " + std::to_string(launch.grid[0]));
    return result;
  };
  EXPECT_EQ(launches(132).size(), 4u);
  EXPECT_EQ(launches(132), launches(20));
}

TEST_F(CudaEngine, MemoryOfTheHostIsRefusedByName) {
  const Engine it = engine();
  const OnDevice layer(it, small_layer(), 1, 50);
  std::vector<float> x(16 * 50), y(static_cast<std::size_t>(24 * layer.output_length));
  const std::string error =
      error_of<ArgumentError>([&] { layer.kernel.run(x, layer.weights, y, {.batch = 1, .length = 50}); });
  EXPECT_NE(error.find("x: is not memory of device 0 (Fake GPU)"), std::string::npos) << error;
  EXPECT_TRUE(fake_driver().launches.empty());
}

TEST_F(CudaEngine, MemoryOfAnotherDeviceIsRefusedByName) {
  fake_driver().devices.resize(2);
  const Engine it = engine();
  const OnDevice layer(it, small_layer(), 1, 50), other(it, small_layer(), 1, 50, 1);
  const std::string error = error_of<ArgumentError>([&] {
    layer.kernel.run(ConstBuffer(layer.x.data(), layer.x.bytes() / 4, DType::float32), layer.weights,
                     Buffer(other.y.data(), other.y.bytes() / 4, DType::float32), {.batch = 1, .length = 50});
  });
  EXPECT_NE(error.find("y: is memory of device 1, not of device 0"), std::string::npos) << error;
  EXPECT_TRUE(fake_driver().launches.empty());
}

TEST_F(CudaEngine, WeightsOnADeviceAreRefusedByName) {
  const Engine it = engine();
  const LayerSpec spec = small_layer();
  const Kernel kernel = it.compile(spec, {.target = "cuda"});
  const DeviceArray weight(it, spec.weight_count() * 4), bias(it, spec.out_channels * 4);
  const std::vector<float> on_host(static_cast<std::size_t>(spec.weight_count()));
  const ConstBuffer bias_on_device(bias.data(), spec.out_channels, DType::float32);
  std::string error = error_of<ArgumentError>(
      [&] { kernel.pack(ConstBuffer(weight.data(), spec.weight_count(), DType::float32), bias_on_device); });
  EXPECT_NE(error.find("weight: is memory of device 0; weights are packed from host memory"), std::string::npos)
      << error;
  error = error_of<ArgumentError>([&] { kernel.pack(on_host, bias_on_device); });
  EXPECT_NE(error.find("bias: is memory of device 0"), std::string::npos) << error;
}

TEST_F(CudaEngine, KernelsOfSeveralDevicesStayApart) {
  fake_driver().devices.resize(2);
  const Engine it = engine();
  const OnDevice first(it, small_layer(), 1, 50, 0), second(it, small_layer(), 1, 50, 1);
  EXPECT_EQ(fake_nvrtc().compilations.size(), 1u);
  second.run();
  first.run();
  ASSERT_EQ(fake_driver().launches.size(), 2u);
  EXPECT_EQ(fake_driver().launches[0].device, 1);
  EXPECT_EQ(fake_driver().launches[1].device, 0);
  const std::string error = error_of<ArgumentError>([&] {
    first.kernel.run(ConstBuffer(first.x.data(), first.x.bytes() / 4, DType::float32), second.weights,
                     Buffer(first.y.data(), first.y.bytes() / 4, DType::float32), {.batch = 1, .length = 50});
  });
  EXPECT_NE(error.find("packed by another kernel"), std::string::npos) << error;
  error_of<TargetError>([&] { it.compile(small_layer(), {.target = "cuda", .device = 2}); });
}

TEST_F(CudaEngine, NothingIsLeftOnTheDeviceOnceAllIsGone) {
  {
    const Engine it = engine();
    const OnDevice layer(it, small_layer(), 1, 50);
    layer.run();
  }
  EXPECT_TRUE(fake_driver().allocations.empty());
  EXPECT_EQ(fake_driver().loaded, 0);
  EXPECT_EQ(fake_driver().retained[0], 0);
}

TEST_F(CudaEngine, AnEmptyBatchLaunchesNothing) {
  const Engine it = engine();
  const OnDevice layer(it, small_layer(), 0, 50);
  layer.run();
  EXPECT_TRUE(fake_driver().launches.empty());
}

TEST_F(CudaEngine, TargetsSayWhatCompilesAndWhatRuns) {
  fake_nvrtc().architectures = {80, 90};
  const std::vector<TargetInfo> targets = engine().targets();
  const auto target = [&](const std::string& name) { return *std::ranges::find(targets, name, &TargetInfo::name); };
  EXPECT_TRUE(target("cuda").compiles && target("cuda").runs);
  EXPECT_TRUE(target("cuda:sm_90a").compiles && target("cuda:sm_90a").runs);
  EXPECT_TRUE(target("cuda:sm_80").compiles && !target("cuda:sm_80").runs);
  EXPECT_FALSE(target("cuda:sm_75").compiles);
}

TEST_F(CudaEngine, InfoNamesLibrariesAndDevicesOrSaysWhyNot) {
  CudaInfo info = cuda_info(engine());
  EXPECT_EQ(info.nvrtc_version, "13.0");
  EXPECT_EQ(info.nvrtc_path, fake_nvrtc_file);
  EXPECT_EQ(info.driver_version, "12.8");
  ASSERT_EQ(info.devices.size(), 1u);
  EXPECT_EQ(info.devices[0].target, "cuda:sm_90a");
  without_nvrtc();
  without_driver();
  info = cuda_info(engine());
  EXPECT_NE(info.nvrtc_error.find("/nowhere/libnvrtc.so"), std::string::npos);
  EXPECT_NE(info.driver_error.find("/nowhere/libcuda.so"), std::string::npos);
  EXPECT_TRUE(info.devices.empty());
}

TEST_F(CudaEngine, InfoAndTargetsNameADeviceThatDoesNotAnswer) {
  fake_driver().devices.resize(2);
  fake_driver().devices[0].result = 999;
  const CudaInfo info = cuda_info(engine());
  ASSERT_EQ(info.devices.size(), 2u);
  EXPECT_NE(info.devices[0].error.find("CUDA_ERROR_UNKNOWN"), std::string::npos) << info.devices[0].error;
  EXPECT_EQ(info.devices[1].name, "Fake GPU");
  const std::vector<TargetInfo> targets = engine().targets();
  const auto default_device = std::ranges::find(targets, "cuda", &TargetInfo::name);
  ASSERT_NE(default_device, targets.end());
  EXPECT_NE(default_device->description.find("device 0 does not answer"), std::string::npos)
      << default_device->description;
  EXPECT_FALSE(default_device->runs);
  EXPECT_TRUE(std::ranges::find(targets, "cuda:sm_90a", &TargetInfo::name)->runs);
  engine().compile(small_layer(), {.target = "cuda", .device = 1});
}

TEST_F(CudaEngine, AnNvrtcThatDoesNotAnswerIsInTheInfo) {
  fake_nvrtc().asked_result = 6;
  EXPECT_NE(cuda_info(engine()).nvrtc_error.find("does not answer"), std::string::npos);
}

TEST_F(CudaEngine, MemoryOfADeviceIsCopiedToAndFro) {
  const Engine it = engine();
  const DeviceArray array(it, 12);
  const std::vector<float> there = {1, 2, 3};
  std::vector<float> back(3);
  array.upload(there.data(), 12);
  array.download(back.data(), 12);
  EXPECT_EQ(there, back);
  error_of<ArgumentError>([&] { array.upload(there.data(), 13); });
  error_of<ArgumentError>([&] { DeviceArray negative(it, -1); });
  EXPECT_EQ(DeviceArray().data(), nullptr);
}

}  // namespace
}  // namespace unstride::testing
