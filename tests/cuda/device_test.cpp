// Devices, contexts and memory, on the fake driver.
#include "runtime/cuda/device.h"

#include <gtest/gtest.h>

#include "runtime/cuda/driver_api.h"
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
    EXPECT_TRUE(memory.device()->can_read(memory.data()));
    EXPECT_FALSE(memory.device()->can_read(&back));
  }
  EXPECT_TRUE(fake_driver().allocations.empty());
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
