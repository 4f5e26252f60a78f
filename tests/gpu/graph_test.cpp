// A run can be captured into a CUDA graph: it neither allocates nor waits.
#include <dlfcn.h>

#include "tests/gpu/gpu_testing.h"

namespace unstride::testing {
namespace {

// As much of the driver's interface as a capture takes.
struct Graphs {
  Graphs() {
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    const auto get = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(driver, name));
    };
    get(begin, "cuStreamBeginCapture_v2");
    get(end, "cuStreamEndCapture");
    get(instantiate, "cuGraphInstantiateWithFlags");
    get(launch, "cuGraphLaunch");
    get(node_count, "cuGraphGetNodes");
    int (*retain)(void** context, int device) = nullptr;
    int (*set_current)(void* context) = nullptr;
    get(retain, "cuDevicePrimaryCtxRetain");
    get(set_current, "cuCtxSetCurrent");
    void* context = nullptr;  // instantiating wants a current one, which the engine does not leave behind
    EXPECT_EQ(retain(&context, 0), 0);
    EXPECT_EQ(set_current(context), 0);
  }
  int (*begin)(void* stream, int mode) = nullptr;
  int (*end)(void* stream, void** graph) = nullptr;
  int (*instantiate)(void** executable, void* graph, unsigned long long flags) = nullptr;
  int (*launch)(void* executable, void* stream) = nullptr;
  int (*node_count)(void* graph, void** nodes, std::size_t* count) = nullptr;
};

using GpuGraph = OnGpu;

// Calls f after each replay of a graph that captured one call.
template <typename T, typename F>
void expect_one_node_replayed(const GpuCall<T>& call, const F& f) {
  const Graphs graphs;
  ASSERT_NE(graphs.instantiate, nullptr);
  ASSERT_EQ(graphs.begin(call.stream(), 0), 0);  // CU_STREAM_CAPTURE_MODE_GLOBAL: the strictest
  call.run();                                    // the first launch ever: nothing may be left to load
  void *graph = nullptr, *executable = nullptr;
  ASSERT_EQ(graphs.end(call.stream(), &graph), 0);
  std::size_t nodes = 0;
  ASSERT_EQ(graphs.node_count(graph, nullptr, &nodes), 0);
  EXPECT_EQ(nodes, 1u);
  ASSERT_EQ(graphs.instantiate(&executable, graph, 0), 0);
  for (int k = 0; k < 3; ++k) {
    call.clear();
    ASSERT_EQ(graphs.launch(executable, call.stream()), 0);
    f();
  }
}

TEST_F(GpuGraph, ACallIsCapturedAsOneNodeAndReplayed) {
  const LayerData<float> data(layer(64, 32, 4, 2), 2, 700);
  const GpuCall<float> call(data);
  expect_one_node_replayed(call, [&] { EXPECT_TRUE(equals_strict_chain_at(data, call.result(), 500, 1)); });
}

TEST_F(GpuGraph, ACallWhoseBlocksShareSumsIsReplayedWithItsWorkspace) {
  LayerSpec spec = layer(512, 256, 16, 8);
  spec.math = Math::fast;
  const LayerData<float> data(spec, 1, 8);
  const GpuCall<float> call(data);
  ASSERT_GT(call.kernel().workspace_bytes(1, 8), 0);
  std::vector<float> first;
  expect_one_node_replayed(call, [&] {
    const std::vector<float> y = call.result();
    if (first.empty()) first = y;
    EXPECT_TRUE(same_bits(y, first));
  });
  EXPECT_TRUE(same_bits(call(), first)) << "launched without a graph";
}

}  // namespace
}  // namespace unstride::testing
