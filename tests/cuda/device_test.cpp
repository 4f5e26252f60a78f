// Devices, contexts and memory, on the fake driver.
#include "runtime/cuda/device.h"

#include <gtest/gtest.h>

#include "runtime/cuda/driver_api.h"
#include "runtime/cuda/stream.h"
#include "tests/cuda/fakes.h"
#include "unstride/error.hpp"

namespace unstride::cuda {
namespace {

using namespace unstride::testing;

const LibraryPlaces places{.nvrtc = {}, .driver = fake_driver_file};

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

class CudaDevice : public ::testing::Test {
 protected:
  WithFakes fakes_;
};

TEST_F(CudaDevice, DevicesAreDescribed) {
  fake_driver().devices = {{.name = "Small", .major = 8, .minor = 6, .multiprocessors = 20}, {.name = "Large"}};
  const Driver driver(places);
  EXPECT_EQ(driver.version(), "12.8");
  ASSERT_EQ(driver.devices().size(), 2u);
  EXPECT_EQ(driver.devices()[0].name, "Small");
  EXPECT_EQ(driver.devices()[0].major * 10 + driver.devices()[0].minor, 86);
  EXPECT_EQ(driver.devices()[0].multiprocessors, 20);
  EXPECT_EQ(driver.devices()[1].shared_bytes_per_block, 227 * 1024);
}

TEST_F(CudaDevice, ADriverWithoutAGpuIsNoErrorUntilADeviceIsAskedFor) {
  fake_driver().init_result = driver_no_device;
  const Driver driver(places);
  EXPECT_TRUE(driver.devices().empty());
  const std::string error = error_of<TargetError>([&] { driver.device(0); });
  EXPECT_NE(error.find("finds no GPU"), std::string::npos) << error;
  EXPECT_NE(error.find("cuda:sm_90a"), std::string::npos) << error;
}

TEST_F(CudaDevice, ADriverThatDoesNotStartIsAnErrorInItsWords) {
  fake_driver().init_result = 999;
  const std::string error = error_of<TargetError>([] { Driver driver(places); });
  EXPECT_NE(error.find("CUDA_ERROR_UNKNOWN (as the test wants it)"), std::string::npos) << error;
}

TEST_F(CudaDevice, ADriverThatDoesNotTellItsVersionIsATargetError) {
  fake_driver().version_result = 999;
  const std::string error = error_of<TargetError>([] { Driver driver(places); });
  EXPECT_NE(error.find("cuDriverGetVersion: CUDA_ERROR_UNKNOWN"), std::string::npos) << error;
}

TEST_F(CudaDevice, ADeviceThatDoesNotAnswerIsNamedAndTheOthersWork) {
  fake_driver().devices.resize(3);
  fake_driver().devices[1].result = 999;
  const Driver driver(places);
  ASSERT_EQ(driver.devices().size(), 3u);
  EXPECT_NE(driver.devices()[1].error.find("CUDA_ERROR_UNKNOWN"), std::string::npos) << driver.devices()[1].error;
  EXPECT_EQ(driver.device(2)->properties().index, 2);
  const std::string error = error_of<TargetError>([&] { driver.device(1); });
  EXPECT_NE(error.find("device: 1: does not answer: cuda: cuDeviceGet: CUDA_ERROR_UNKNOWN"), std::string::npos)
      << error;
}

TEST_F(CudaDevice, ADeviceWithoutAContextIsATargetErrorThatNamesIt) {
  fake_driver().retain_result = 2;
  const Driver driver(places);
  const std::string error = error_of<TargetError>([&] { driver.device(0); });
  EXPECT_NE(error.find("device: 0 (Fake GPU): cannot be used"), std::string::npos) << error;
}

TEST_F(CudaDevice, AnIndexBeyondTheDevicesIsAnErrorThatNamesTheRange) {
  fake_driver().devices.resize(2);
  const Driver driver(places);
  for (const int index : {-1, 2}) {
    const std::string error = error_of<TargetError>([&] { driver.device(index); });
    EXPECT_NE(error.find("must be 0 to 1"), std::string::npos) << error;
  }
}

TEST_F(CudaDevice, ThePrimaryContextIsRetainedAsLongAsTheDeviceIsHeld) {
  const Driver driver(places);
  {
    const auto device = driver.device(0);
    EXPECT_EQ(fake_driver().retained[0], 1);
  }
  EXPECT_EQ(fake_driver().retained[0], 0);
}

TEST_F(CudaDevice, ItsContextIsPushedOnlyWhereItIsNotCurrent) {
  const Driver driver(places);
  const auto device = driver.device(0);
  const Device::Current outer(*device);
  const Device::Current inner(*device);
  EXPECT_EQ(fake_driver().calls["cuCtxPushCurrent"], 1);
}

TEST_F(CudaDevice, MemoryIsFreedAndCopiesAreCompleteBeforeTheyReturn) {
  const Driver driver(places);
  {
    DeviceMemory memory(driver.device(0), 8);
    const std::uint64_t there = 0x0123456789abcdef;
    std::uint64_t back = 0;
    memory.copy_from(&there, 8);
    EXPECT_EQ(fake_driver().calls["cuStreamSynchronize"], 1);  // the copy may still be on its way when it returns
    memory.copy_to(&back, 8);
    EXPECT_EQ(back, there);
  }
  EXPECT_TRUE(fake_driver().allocations.empty());
}

TEST_F(CudaDevice, ItsOwnAndSharedMemoryAreReachableAndNothingElse) {
  fake_driver().devices.resize(2);
  const Driver driver(places);
  const auto device = driver.device(0);
  const DeviceMemory own(device, 8), other(driver.device(1), 8);
  char pinned[8], managed[8], garbage[8];
  fake_driver().allocations[pinned] = {.bytes = 8, .device = 1, .type = 1};
  fake_driver().allocations[managed] = {.bytes = 8, .device = 1, .is_managed = true};
  EXPECT_NO_THROW(device->require_reachable("x", static_cast<const char*>(own.data()) + 7));
  EXPECT_NO_THROW(device->require_reachable("x", pinned));
  EXPECT_NO_THROW(device->require_reachable("x", managed));
  std::string error = error_of<ArgumentError>([&] { device->require_reachable("x", other.data()); });
  EXPECT_NE(error.find("x: is memory of device 1, not of device 0 (Fake GPU)"), std::string::npos) << error;
  error = error_of<ArgumentError>([&] { device->require_reachable("y", garbage); });
  EXPECT_NE(error.find("y: is not memory of device 0 (Fake GPU)"), std::string::npos) << error;
}

TEST_F(CudaDevice, HostMemoryIsAllThatIsNoDevicesOwn) {
  fake_driver().devices.resize(2);
  const Driver driver(places);
  const auto device = driver.device(0);
  const DeviceMemory own(device, 8), other(driver.device(1), 8);
  char pinned[8], managed[8], plain[8];
  fake_driver().allocations[pinned] = {.bytes = 8, .type = 1};
  fake_driver().allocations[managed] = {.bytes = 8, .is_managed = true};
  for (const char* memory : {pinned, managed, plain}) EXPECT_NO_THROW(device->require_host_memory("bias", memory));
  for (const DeviceMemory* memory : {&own, &other}) {
    const std::string error = error_of<ArgumentError>([&] { device->require_host_memory("bias", memory->data()); });
    EXPECT_NE(error.find("bias: is memory of device"), std::string::npos) << error;
  }
}

TEST_F(CudaDevice, AStreamWhoseEventsCannotBeMadeLeavesNothingBehind) {
  const Driver driver(places);
  for (const int events : {0, 1}) {
    fake_driver().events_left = events;
    error_of<Error>([&] { Stream stream(driver.device(0)); });
    EXPECT_EQ(fake_driver().streams, 0);
    EXPECT_EQ(fake_driver().events, 0);
  }
  fake_driver().events_left = 2;
  { const Stream stream(driver.device(0)); }
  EXPECT_EQ(fake_driver().streams, 0);
  EXPECT_EQ(fake_driver().events, 0);
}

TEST_F(CudaDevice, OutOfMemoryNamesTheSizeAndTheDevice) {
  const Driver driver(places);
  fake_driver().allocate_result = 2;
  const std::string error = error_of<Error>([&] { DeviceMemory memory(driver.device(0), 1000); });
  for (const char* part : {"1000 bytes", "device 0 (Fake GPU)", "CUDA_ERROR_OUT_OF_MEMORY"})
    EXPECT_NE(error.find(part), std::string::npos) << error;
}

}  // namespace
}  // namespace unstride::cuda
