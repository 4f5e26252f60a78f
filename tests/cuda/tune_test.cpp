// Tuning on a GPU, on the fake driver: a device whose clock the test sets, tile by tile. With the static layers, to
// know which tiles there are.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "codegen/plan/gpu_planner.h"
#include "runtime/cuda_subject.h"
#include "runtime/tuning/journal.h"
#include "tests/cuda/fakes.h"
#include "unstride/unstride.hpp"

namespace unstride::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t tuned_length = 200;

// What the device is to do with kernels of these tiles; the rest take 0.1 ms and are right.
struct Device {
  std::string fast, wrong;
  unsigned state = 1;  // of the noise
};
Device device;

bool has_tile(const FakeLaunch& launch, const std::string& tile) {
  return !tile.empty() && launch.code->find("// plan    " + tile + "\n") != std::string::npos;
}

double milliseconds(const FakeLaunch& launch) {
  return has_tile(launch, device.fast) ? 0.05 : 0.1;
}

// Of a percent, the same in every run of the test.
double noise() {
  device.state = device.state * 1664525 + 1013904223;
  return 1 + 0.01 * (static_cast<double>(device.state >> 8) / (1 << 24) - 0.5);
}

// All of y gets one value.
void compute(const FakeLaunch& launch) {
  const auto* arguments = static_cast<const gpu::Arguments*>(launch.parameters[0]);
  const FakeMemory& y = fake_driver().allocations.at(arguments->y);
  std::memset(arguments->y, has_tile(launch, device.wrong) ? 0x3f : 0, y.bytes);
}

class CudaTune : public ::testing::Test {
 protected:
  CudaTune() {
    std::ignore = ::mkdtemp(root_.data());
    device = {};
    fake_driver().milliseconds = milliseconds;
    fake_driver().on_launch = compute;
  }
  ~CudaTune() override { fs::remove_all(root_); }

  Engine engine(CacheMode mode = CacheMode::read_write, std::vector<std::string> bundles = {}) {
    return Engine({.threads = 1,
                   .cache = {.mode = mode,
                             .directory = root_ + "/cache",
                             .bundles = std::move(bundles),
                             .log = [this](const std::string& line) { log_.push_back(line); }}});
  }

  TuneReport tune(const TuneOptions& options = {.target = "cuda", .budget_seconds = 600, .most_candidates = 12},
                  std::vector<std::int64_t> lengths = {tuned_length}) {
    return engine().tune({{spec_, std::move(lengths)}}, options);
  }

  // Tiles in the order in which they are tried at the tuned length, without those that the model uses anywhere.
  std::vector<std::string> others() const {
    const plan::GpuProblem problem(spec_, *plan::gpu_target("cuda:sm_90a"));
    const plan::GpuPlan model = plan::choose_gpu_plan(problem).plan;
    CompiledCubins none([](const auto&, const auto&) { return std::string(); });
    cuda::Driver driver({.nvrtc = {}, .driver = fake_driver_file});
    const auto first = driver.device(0);
    const auto subject = make_cuda_subject(problem, model, none, first,
                                           std::make_shared<cuda::Clocks>(cuda::LibraryPlaces(), first->properties()),
                                           {.length = tuned_length});
    std::vector<std::string> result;
    for (const tuning::Candidate& candidate : subject->candidates())
      if (std::ranges::none_of(model.tiles, [&](const auto& tile) { return plan::to_string(tile) == candidate.plan; }))
        result.push_back(candidate.plan);
    return result;
  }

  // The folder's lines that begin so.
  std::vector<std::string> lines(const std::string& begin) const {
    std::vector<std::string> result;
    for (const auto& file : fs::directory_iterator(root_ + "/cache/tuning")) {
      std::ifstream stream(file.path());
      for (std::string line; std::getline(stream, line);)
        if (line.starts_with(begin)) result.push_back(line);
    }
    return result;
  }

  static std::int64_t count(const std::string& call) { return fake_driver().calls[call]; }

  WithFakes fakes_;
  std::string root_ = (fs::temp_directory_path() / "unstride-tune-XXXXXX").string();
  std::vector<std::string> log_;
  LayerSpec spec_ = {.in_channels = 16, .out_channels = 24, .kernel_size = 8, .stride = 4, .padding = 2};
};

TEST_F(CudaTune, TheFastestTileComputesTheCallsAroundTheMeasuredLength) {
  const Engine user = engine();
  const std::string model = user.compile(spec_, {.target = "cuda"}).info().plan;
  device.fast = others().at(3);
  const TuneReport report = tune();
  ASSERT_EQ(report.results.at(0).error, "");
  EXPECT_TRUE(report.results[0].complete);
  EXPECT_EQ(report.results[0].plan, device.fast);
  EXPECT_NEAR(report.results[0].chosen.median, 0.05e-3, 1e-9);
  EXPECT_NEAR(report.results[0].default_time.median, 0.1e-3, 1e-9);
  EXPECT_GT(report.results[0].candidates, 12);

  const Engine later = engine();
  const CompileInfo info = later.compile(spec_, {.target = "cuda"}).info();
  EXPECT_EQ(later.statistics().compilations, 0);
  EXPECT_NE(info.plan, model);
  EXPECT_NE(info.plan.find(": " + device.fast), std::string::npos) << info.plan;
  EXPECT_EQ(info.plan_source, "tuning");
  EXPECT_EQ(planned_by(info, tuned_length), "exact");
  EXPECT_EQ(planned_by(info, tuned_length + 1), "nearest");
  EXPECT_EQ(planned_by(info, 1), "model");
  EXPECT_EQ(planned_by(info, 10 * tuned_length), "model");
  EXPECT_EQ(planned_by(info, tuned_length, 2), "nearest");
  EXPECT_EQ(planned_by(info, tuned_length, 10), "model");
  EXPECT_EQ(planned_by(info, 20, 10), "nearest");
  EXPECT_NE(later.emit(spec_, Emit::plan, {.target = "cuda"}).find("exact, measured at 200"), std::string::npos);
  ASSERT_EQ(later.explain(spec_, {.target = "cuda:sm_90a"}).tuned.size(), 1u);
  EXPECT_EQ(later.compile(spec_, {.target = "cuda", .plan = "ffma"}).info().plan_source, "given");
}

TEST_F(CudaTune, ARunLaunchesTheTileThatWasMeasuredForBatchTimesColumns) {
  device.fast = others().at(0);
  ASSERT_EQ(tune().results.at(0).plan, device.fast);
  const Engine it = engine();
  const Kernel kernel = it.compile(spec_, {.target = "cuda"});
  const std::vector<float> parameters = initial_parameters<float>(spec_, 1);
  const auto weights = static_cast<std::size_t>(spec_.weight_count());
  const PackedWeights packed =
      kernel.pack(std::span(parameters).first(weights), std::span(parameters).subspan(weights));
  const auto function_of = [&](std::int64_t batch, std::int64_t length) {
    const std::int64_t inputs = batch * spec_.in_channels * length;
    const std::int64_t outputs = batch * spec_.out_channels * kernel.output_length(length);
    const DeviceArray x(it, inputs * 4), y(it, outputs * 4);
    kernel.run(ConstBuffer(x.data(), inputs, DType::float32), packed, Buffer(y.data(), outputs, DType::float32),
               {.batch = batch, .length = length});
    return fake_driver().launches.back().function;
  };
  const std::string tuned = function_of(1, tuned_length);
  EXPECT_EQ(function_of(10, tuned_length / 10), tuned);
  EXPECT_EQ(function_of(1, 2 * tuned_length), tuned);
  EXPECT_NE(function_of(1, 10 * tuned_length), tuned);
  EXPECT_NE(function_of(10, tuned_length), tuned);
}

TEST_F(CudaTune, APlanThatGivesOtherBitsIsRecordedAndNeverMeasured) {
  device.fast = device.wrong = others().at(2);
  const TuneReport report = tune();
  ASSERT_EQ(report.results.at(0).error, "");
  EXPECT_NE(report.results[0].plan, device.wrong);
  const auto found = std::ranges::find(report.results[0].tried, device.wrong, &TunedTime::plan);
  ASSERT_NE(found, report.results[0].tried.end());
  EXPECT_EQ(found->outcome, "wrong");
  EXPECT_EQ(found->rounds, 0);
  EXPECT_NE(found->reason.find("output 0 has other bits"), std::string::npos) << found->reason;
  EXPECT_EQ(engine().compile(spec_, {.target = "cuda"}).info().plan.find(device.wrong), std::string::npos);
}

TEST_F(CudaTune, AnOutputThatIsNotWrittenIsWrong) {
  device.wrong = others().at(2);
  fake_driver().on_launch = [](const FakeLaunch& launch) {
    if (!has_tile(launch, device.wrong)) compute(launch);
  };
  const TuneReport report = tune();
  const auto found = std::ranges::find(report.results.at(0).tried, device.wrong, &TunedTime::plan);
  ASSERT_NE(found, report.results[0].tried.end());
  EXPECT_EQ(found->outcome, "wrong");
}

TEST_F(CudaTune, APlanOfFastMathBeyondItsBoundIsRefused) {
  spec_ = {.in_channels = 64, .out_channels = 32, .kernel_size = 4, .stride = 2, .math = Math::fast};
  device.fast = device.wrong = others().at(2);
  const TuneReport report = tune();
  ASSERT_EQ(report.results.at(0).error, "");
  EXPECT_NE(report.results[0].plan, device.wrong);
  const auto found = std::ranges::find(report.results[0].tried, device.wrong, &TunedTime::plan);
  ASSERT_NE(found, report.results[0].tried.end());
  EXPECT_EQ(found->outcome, "wrong");
  EXPECT_NE(found->reason.find("not 0 within"), std::string::npos) << found->reason;
}

TEST_F(CudaTune, TilesThatReadWeightsInAnotherOrderAreTunedToo) {
  spec_ = {.in_channels = 64, .out_channels = 32, .kernel_size = 4, .stride = 2, .math = Math::fast};
  const std::string model = engine().explain(spec_, {.target = "cuda"}).plan;
  const std::string kind = model.substr(0, model.find(' '));
  const auto tiles = others();
  const auto other = std::ranges::find_if(tiles, [&](const std::string& tile) { return !tile.starts_with(kind); });
  ASSERT_NE(other, tiles.end());
  device.fast = *other;
  ASSERT_EQ(tune().results.at(0).plan, device.fast);

  const Kernel kernel = engine().compile(spec_, {.target = "cuda"});
  EXPECT_EQ(planned_by(kernel.info(), tuned_length), "exact");
  const auto before = fake_driver().allocations.size();
  const std::vector<float> parameters = initial_parameters<float>(spec_, 1);
  const auto weights = static_cast<std::size_t>(spec_.weight_count());
  const PackedWeights packed =
      kernel.pack(std::span(parameters).first(weights), std::span(parameters).subspan(weights));
  EXPECT_EQ(fake_driver().allocations.size(), before + 3);  // weights in two orders, biases

  static const void* read;
  fake_driver().on_launch = [](const FakeLaunch& launch) {
    read = static_cast<const gpu::Arguments*>(launch.parameters[0])->weights;
  };
  const Engine it = engine();
  const auto weights_for = [&](std::int64_t length) {
    const std::int64_t inputs = spec_.in_channels * length, outputs = spec_.out_channels * kernel.output_length(length);
    const DeviceArray x(it, inputs * 4), y(it, outputs * 4);
    kernel.run(ConstBuffer(x.data(), inputs, DType::float32), packed, Buffer(y.data(), outputs, DType::float32),
               {.length = length});
    return read;
  };
  EXPECT_NE(weights_for(tuned_length), weights_for(1));
  EXPECT_EQ(weights_for(10 * tuned_length), weights_for(1));
}

TEST_F(CudaTune, ATileWhoseSumsBlocksShareGetsItsWorkspace) {
  spec_ = {.in_channels = 512, .out_channels = 64, .kernel_size = 16, .stride = 8, .math = Math::fast};
  const auto tiles = others();
  const auto split =
      std::ranges::find_if(tiles, [](const std::string& tile) { return tile.find(" splits=4 ") != std::string::npos; });
  ASSERT_NE(split, tiles.end());
  device.fast = *split;
  ASSERT_EQ(tune({.target = "cuda", .budget_seconds = 600, .most_candidates = 200}).results.at(0).plan, device.fast);
  const Kernel kernel = engine().compile(spec_, {.target = "cuda"});
  EXPECT_NE(kernel.info().plan.find(": " + device.fast), std::string::npos) << kernel.info().plan;
  EXPECT_GT(kernel.workspace_bytes(1, tuned_length), 0);
}

TEST_F(CudaTune, UnderNoiseTheDefaultStaysAndTwoTunesAgree) {
  fake_driver().noise = noise;
  for (const unsigned seed : {1u, 2u, 3u}) {
    device.state = seed;
    fs::remove_all(root_ + "/cache");
    const TuneReport report = tune();
    ASSERT_EQ(report.results.at(0).error, "");
    EXPECT_EQ(report.results[0].plan, report.results[0].default_time.plan);
  }
  device.fast = others().at(1);
  for (const unsigned seed : {1u, 2u, 3u}) {
    device.state = seed;
    fs::remove_all(root_ + "/cache");
    EXPECT_EQ(tune().results.at(0).plan, device.fast);
  }
}

TEST_F(CudaTune, CallsAreTimedInGraphsWithNothingOfTheHostBetween) {
  ASSERT_EQ(tune().results.at(0).error, "");
  // What was launched outside of a graph is what was checked: each plan once.
  EXPECT_EQ(fake_driver().launches.size(), 12u);
  const auto& work = fake_driver().device_work;
  EXPECT_GT(std::ranges::count(work, "graph 10"), 12 * 5);  // 10 calls of 0.1 ms are a sample of a millisecond
  EXPECT_EQ(count("cuStreamBeginCapture"), count("cuStreamEndCapture"));
}

TEST_F(CudaTune, AColdCallComesAfterAFlushOfTheSecondLevelCacheThatIsNotInItsTime) {
  fake_driver().fill_milliseconds = 7;
  device.fast = others().at(1);
  const TuneReport report = tune({.target = "cuda", .budget_seconds = 600, .cold = true, .most_candidates = 4});
  ASSERT_EQ(report.results.at(0).error, "");
  EXPECT_EQ(report.results[0].plan, device.fast);
  EXPECT_NEAR(report.results[0].chosen.median, 0.05e-3, 1e-9);
  const auto& work = fake_driver().device_work;
  std::int64_t calls = 0;
  for (std::size_t i = 1; i < work.size(); ++i) {
    if (!work[i].starts_with("graph")) continue;
    ++calls;
    EXPECT_EQ(work[i], "graph 1");
    ASSERT_TRUE(work[i - 1].starts_with("fill ")) << work[i - 1];
    EXPECT_GT(std::stoll(work[i - 1].substr(5)), std::int64_t{50} << 20);
  }
  EXPECT_GT(calls, 20);
}

TEST_F(CudaTune, ClocksAreRecordedWithTheSamplesAndTheDevice) {
  ASSERT_EQ(tune().results.at(0).error, "");
  const auto samples = lines(R"({"sample":)");
  ASSERT_FALSE(samples.empty());
  for (const std::string& line : samples)
    EXPECT_NE(line.find(R"("conditions":"SM 1755 MHz, memory 2619 MHz")"), std::string::npos) << line;
  const auto choices = lines(R"({"lookup":)");
  ASSERT_EQ(choices.size(), 1u);
  for (const char* part :
       {R"-("processor":"Fake GPU (132 multiprocessors)")-", R"-("caches":"warm")-", R"-("compiler":"nvrtc 13.0 )-",
        R"-("features":"compute capability 9.0, clocks: SM 1980 MHz, memory 2619 MHz")-",
        R"-("target":"cuda:sm_90a")-"})
    EXPECT_NE(choices[0].find(part), std::string::npos) << part << " in " << choices[0];
  EXPECT_EQ(fake_nvml().started, 0);
}

TEST_F(CudaTune, ClocksThatCannotBeReadAreUnknown) {
  fake_driver().devices[0].clock_khz = 0;
  fake_nvml().clock_result = 3;
  ASSERT_EQ(tune().results.at(0).error, "");
  setenv("UNSTRIDE_NVML", "/nowhere/libnvidia-ml.so", 1);
  ASSERT_EQ(tune().results.at(0).error, "");
  const auto samples = lines(R"({"sample":)");
  ASSERT_FALSE(samples.empty());
  for (const std::string& line : samples)
    EXPECT_NE(line.find(R"("conditions":"SM unknown, memory unknown")"), std::string::npos) << line;
  EXPECT_NE(lines(R"({"lookup":)").at(0).find("SM unknown, memory 2619 MHz"), std::string::npos);
}

TEST_F(CudaTune, ABundleBringsTunedPlansToAMachineThatHasNothingElse) {
  device.fast = others().at(3);
  ASSERT_EQ(tune().results.at(0).error, "");
  BundleBuilder bundle;
  const std::string tuned = engine().precompile(spec_, {.target = "cuda:sm_90a"}, &bundle).plan;
  EXPECT_NE(tuned.find(device.fast), std::string::npos);
  bundle.write(root_ + "/kernels.bundle");
  fs::remove_all(root_ + "/cache");
  setenv("UNSTRIDE_NVRTC", "/nowhere/libnvrtc.so", 1);
  const Engine elsewhere = engine(CacheMode::require, {root_ + "/kernels.bundle"});
  const CompileInfo info = elsewhere.compile(spec_, {.target = "cuda"}).info();
  EXPECT_EQ(info.plan, tuned);
  EXPECT_EQ(planned_by(info, tuned_length), "bundle");
}

TEST_F(CudaTune, MeasurementsOfAnotherDeviceOfTheArchitectureAreTheNearest) {
  device.fast = others().at(3);
  ASSERT_EQ(tune().results.at(0).error, "");
  fake_driver().devices[0].name = "Fake GPU 2";
  const CompileInfo info = engine().compile(spec_, {.target = "cuda"}).info();
  EXPECT_NE(info.plan.find(device.fast), std::string::npos);
  EXPECT_EQ(planned_by(info, tuned_length), "nearest");
  // And of one that is not here: images are made on machines without.
  setenv("UNSTRIDE_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  const CompileInfo made = engine().precompile(spec_, {.target = "cuda:sm_90a"});
  EXPECT_EQ(made.plan, info.plan);
  EXPECT_EQ(planned_by(made, tuned_length), "nearest");
  EXPECT_EQ(engine().precompile(spec_, {.target = "cuda:sm_80"}).plan_source, "model");
}

TEST_F(CudaTune, ATileThatThisVersionCannotCompileIsSkippedAndNamedOnce) {
  const std::string model = engine().compile(spec_, {.target = "cuda"}).info().plan;
  tuning::Journal({.root = root_ + "/cache"})
      .add(tuning::Choice{
          .unit = {.layer = to_json(spec_), .target = "cuda:sm_90a", .length = tuned_length, .environment = {}},
          .plan = "depthwise columns=4 threads=64",
          .default_plan = "whatever it was",
          .complete = true,
          .time = {},
          .default_time = {}});
  const Engine user = engine();
  EXPECT_EQ(user.compile(spec_, {.target = "cuda"}).info().plan, model);
  EXPECT_EQ(user.explain(spec_, {.target = "cuda"}).plan, model);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("tune again"), std::string::npos) << log_[0];
}

TEST_F(CudaTune, WhatIsCompleteIsNotMeasuredAgain) {
  TuneOptions options{.target = "cuda", .budget_seconds = 600, .most_candidates = 4};
  ASSERT_EQ(tune(options, {tuned_length, 20}).results.at(0).error, "");
  options.resume = true;
  const auto launches = fake_driver().launches.size();
  const TuneReport again = tune(options, {20, tuned_length});
  EXPECT_TRUE(again.results.at(0).reused && again.results.at(1).reused);
  EXPECT_EQ(fake_driver().launches.size(), launches);
}

TEST_F(CudaTune, WithoutTheDeviceItSaysThatTuningNeedsIt) {
  const auto error = [&](const std::string& target) { return tune({.target = target}).results.at(0).error; };
  EXPECT_EQ(error("cuda:sm_80"),
            "target: cuda:sm_80: tuning measures, so it needs the device that the code is for: target: cuda:sm_80: "
            "code for it cannot run here: device 0 (Fake GPU) has compute capability 9.0");
  fake_driver().devices.clear();
  EXPECT_NE(error("cuda").find("finds no GPU"), std::string::npos) << error("cuda");
  setenv("UNSTRIDE_CUDA_DRIVER", "/nowhere/libcuda.so", 1);
  const std::string without = error("cuda:sm_90a");
  EXPECT_TRUE(without.starts_with("target: cuda:sm_90a: tuning measures, so it needs the device")) << without;
  EXPECT_NE(without.find("NVIDIA's driver"), std::string::npos) << without;
}

TEST_F(CudaTune, ADriverWithoutGraphsIsNamed) {
  setenv("UNSTRIDE_CUDA_DRIVER", fake_old_driver_file, 1);
  const std::string error = tune().results.at(0).error;
  EXPECT_NE(error.find("it must be of CUDA 11.4 or later"), std::string::npos) << error;
}

TEST_F(CudaTune, ALaunchThatTheDriverRefusesEndsTheSearchWithItsWords) {
  fake_driver().launch_result = 999;
  const std::string error = tune().results.at(0).error;
  EXPECT_NE(error.find("CUDA_ERROR_UNKNOWN"), std::string::npos) << error;
}

TEST_F(CudaTune, NothingIsLeftOnTheDevice) {
  ASSERT_EQ(tune().results.at(0).error, "");
  EXPECT_TRUE(fake_driver().allocations.empty());
  EXPECT_EQ(fake_driver().graphs, 0);
  EXPECT_EQ(fake_driver().streams, 0);
  EXPECT_EQ(fake_driver().events, 0);
  EXPECT_EQ(fake_driver().loaded, 0);
  EXPECT_EQ(fake_driver().retained[0], 0);
}

}  // namespace
}  // namespace unstride::testing
