// One kernel, many callers: streams, threads and lengths at once.
#include <thread>

#include "tests/gpu/gpu_testing.h"

namespace unstride::testing {
namespace {

using GpuStreams = OnGpu;

LayerSpec ups() {
  LayerSpec spec = layer(64, 32, 16, 8);
  spec.padding = 4;
  return spec;
}

TEST_F(GpuStreams, TwoLengthsRacingOnTwoThreadsGiveWhatEachGivesAlone) {
  const Kernel kernel = engine().compile(ups(), {.target = "cuda"});
  const LayerData<float> small(ups(), 1, 17, 1), large(ups(), 4, 9000, 2);
  const GpuCall<float> a(kernel, small), b(kernel, large);
  const std::vector<float> alone_a = a(), alone_b = b();
  const auto race = [](const GpuCall<float>& call, int times) {
    for (int k = 0; k < times; ++k) call.run();
    call.wait();
  };
  a.clear();
  b.clear();
  std::thread other([&] { race(a, 2000); });
  race(b, 200);
  other.join();
  EXPECT_TRUE(same_bits(a.result(), alone_a));
  EXPECT_TRUE(same_bits(b.result(), alone_b));
}

TEST_F(GpuStreams, ACallOnTheDefaultStreamIsWaitedForByACopy) {
  const LayerData<float> data(ups(), 2, 500);
  const GpuCall<float> call(data);
  call.run(nullptr);
  EXPECT_TRUE(equals_strict_chain_at(data, call.result(), 500, 1));
}

TEST_F(GpuStreams, ManyKernelsShareTheDevice) {
  std::vector<std::thread> threads;
  for (int k = 1; k <= 4; ++k)
    threads.emplace_back([k] {
      LayerSpec spec = ups();
      spec.out_channels = 8 * k;
      const LayerData<float> data(spec, k, 100 * k, static_cast<std::uint64_t>(k));
      EXPECT_TRUE(equals_strict_chain_at(data, GpuCall<float>(data)(), 500, 1));
    });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(GpuStreams, TheDevicesClockMeasuresACall) {
  const LayerData<float> data(ups(), 4, 20'000);
  const GpuCall<float> call(data);
  const DeviceStream stream(engine());
  EXPECT_GT(stream.time_ms([&] { call.run(stream.handle()); }), 0);
}

}  // namespace
}  // namespace unstride::testing
