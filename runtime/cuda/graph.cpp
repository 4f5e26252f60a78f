#include "runtime/cuda/graph.h"

#include "runtime/cuda/driver_api.h"
#include "unstride/error.hpp"

namespace unstride::cuda {

namespace {

// CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may load kernels meanwhile.
constexpr int thread_local_mode = 1;

GraphHandle capture(const DriverApi& api, StreamHandle stream, const std::function<void()>& work) {
  api.check(api.begin_capture(stream, thread_local_mode), "cuStreamBeginCapture");
  GraphHandle graph = nullptr;
  try {
    work();
  } catch (...) {
    if (api.end_capture(stream, &graph) == driver_success && graph) api.graph_destroy(graph);
    throw;
  }
  api.check(api.end_capture(stream, &graph), "cuStreamEndCapture");
  return graph;
}

}  // namespace

Graph::Graph(const Stream& stream, const std::function<void()>& work) : device_(stream.device()) {
  const DriverApi& api = device_->api();
  if (!api.has_graphs())
    throw TargetError(
        "target: cuda: the driver has no CUDA graphs, by which kernels are timed; it must be of CUDA 11.4 "
        "or later");
  const Device::Current current(*device_);
  const GraphHandle graph = capture(api, static_cast<StreamHandle>(stream.handle()), work);
  ExecutableGraphHandle executable = nullptr;
  const DriverResult result = api.graph_instantiate(&executable, graph, 0);
  api.graph_destroy(graph);
  api.check(result, "cuGraphInstantiateWithFlags");
  executable_ = executable;
}

Graph::~Graph() {
  try {
    const Device::Current current(*device_);
    device_->api().executable_graph_destroy(static_cast<ExecutableGraphHandle>(executable_));
  } catch (const Error&) {  // the process ends and the driver is gone already
  }
}

void Graph::launch(const Stream& stream) const {
  const Device::Current current(*device_);
  device_->api().check(device_->api().graph_launch(static_cast<ExecutableGraphHandle>(executable_),
                                                   static_cast<StreamHandle>(stream.handle())),
                       "cuGraphLaunch");
}

}  // namespace unstride::cuda
