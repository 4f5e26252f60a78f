// Loading code and launching it, on the fake driver: a new one, and one from before cuLibraryLoadData.
#include "runtime/cuda/module.h"

#include <gtest/gtest.h>

#include "runtime/cuda/driver_api.h"
#include "tests/cuda/fakes.h"
#include "unstride/error.hpp"

namespace unstride::cuda {
namespace {

using namespace unstride::testing;

struct Generation {
  const char* name;
  const char* const& file;
  FakeDriver& (*state)();
  const char *load, *unload;
};

class CudaModule : public ::testing::TestWithParam<Generation> {
 protected:
  FakeDriver& fake() { return GetParam().state(); }
  std::shared_ptr<const Device> device(int index = 0) {
    return Driver({.nvrtc = {}, .driver = GetParam().file}).device(index);
  }

  WithFakes fakes_;
  const std::string code_ =
      "\x7f"
      "ELF first second";
};

TEST_P(CudaModule, IsLoadedByWhatTheDriverHas) {
  { const Module module(device(), code_, {{"first"}}); }
  EXPECT_EQ(fake().calls[GetParam().load], 1);
  EXPECT_EQ(fake().calls[GetParam().unload], 1);
  EXPECT_EQ(fake().loaded, 0);
}

TEST_P(CudaModule, ALaunchPassesShapeStreamAndArguments) {
  struct Arguments {
    std::int64_t batch = 3;
  } arguments;
  const Module module(device(), code_, {{"first"}, {"second"}});
  int stream = 0;
  static std::int64_t seen = 0;
  fake().on_launch = [](const FakeLaunch& launch) { seen = static_cast<Arguments*>(launch.parameters[0])->batch; };
  module.launch(1, {.grid = {7, 8, 9}, .threads = 128, .shared_bytes = 4096}, &arguments, &stream);
  ASSERT_EQ(fake().launches.size(), 1u);
  const FakeLaunch& launch = fake().launches[0];
  EXPECT_EQ(launch.function, "second");
  EXPECT_EQ(std::vector(launch.grid, launch.grid + 3), (std::vector{7u, 8u, 9u}));
  EXPECT_EQ(std::vector(launch.block, launch.block + 3), (std::vector{128u, 1u, 1u}));
  EXPECT_EQ(launch.shared_bytes, 4096u);
  EXPECT_EQ(launch.stream, &stream);
  EXPECT_EQ(seen, 3);
}

TEST_P(CudaModule, ALaunchNeitherAllocatesNorWaits) {
  const Module module(device(), code_, {{"first"}});
  const auto before = fake().calls;
  module.launch(0, {}, "", nullptr);
  auto after = fake().calls;
  for (const char* call : {"cuMemAlloc", "cuStreamSynchronize", "cuFuncLoad", "cuFuncSetAttribute"})
    EXPECT_EQ(after[call], before.contains(call) ? before.at(call) : 0) << call;
}

TEST_P(CudaModule, IsLaunchedOnItsOwnDevice) {
  fake().devices.resize(3);
  const Module other(device(2), code_, {{"first"}});
  const std::shared_ptr<const Device> another = device(1);
  const Device::Current current(*another);
  other.launch(0, {}, "", nullptr);
  EXPECT_EQ(fake().launches.at(0).device, 2);
}

TEST_P(CudaModule, SharedMemoryIsAskedForOnceAsTheMostThatALaunchWillUse) {
  const Module module(device(), code_, {{"first", 100'000}, {"second", 0}});
  EXPECT_EQ(fake().dynamic_shared["first"], 100'000);
  EXPECT_FALSE(fake().dynamic_shared.contains("second"));
}

TEST_P(CudaModule, MoreSharedMemoryThanABlockMayHaveIsAnErrorThatSaysHowMuchThereIs) {
  fake().static_shared = 1024;
  try {
    const Module module(device(), code_, {{"first", 227 * 1024}});
    FAIL();
  } catch (const TargetError& error) {
    EXPECT_NE(std::string(error.what()).find("232448 bytes"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("has 231424"), std::string::npos) << error.what();
  }
  EXPECT_EQ(fake().loaded, 0);
}

TEST_P(CudaModule, CodeThatTheDriverRejectsIsACompileErrorAndLeavesNothingLoaded) {
  for (const char* code : {"no ELF",
                           "\x7f"
                           "ELF without the function"}) {
    try {
      const Module module(device(), code, {{"first"}});
      FAIL() << code;
    } catch (const CompileError& error) {
      EXPECT_NE(std::string(error.what()).find("does not take this code for device 0 (Fake GPU"), std::string::npos);
    }
    EXPECT_EQ(fake().loaded, 0);
  }
}

TEST_P(CudaModule, ALaunchThatFailsIsAnErrorInTheDriversWords) {
  const Module module(device(), code_, {{"first"}});
  fake().launch_result = 999;
  try {
    module.launch(0, {}, "", nullptr);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("cuLaunchKernel: CUDA_ERROR_UNKNOWN"), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Drivers, CudaModule,
    ::testing::Values(Generation{"new", fake_driver_file, fake_driver, "cuLibraryLoadData", "cuLibraryUnload"},
                      Generation{"old", fake_old_driver_file, fake_old_driver, "cuModuleLoadData", "cuModuleUnload"}),
    [](const auto& generation) { return generation.param.name; });

}  // namespace
}  // namespace unstride::cuda
