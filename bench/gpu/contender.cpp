#include "bench/gpu/contender.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "unstride/unstride.hpp"

namespace {

using namespace unstride;

thread_local std::string last_error;

struct Layer {
  Kernel kernel;
  PackedWeights weights;
  DType dtype;
  std::string description;
  int device;
  DeviceArray workspace = {};  // as much as a call so far needed: the first one of a size is not captured
};

const Engine& engine() {
  static const Engine shared;
  return shared;
}

// Calls f; on an exception keeps its text and returns what is given.
template <typename Result, typename F>
Result guarded(Result otherwise, const F& f) noexcept {
  try {
    return f();
  } catch (const std::exception& error) {
    last_error = error.what();
    return otherwise;
  }
}

void run(Layer& layer, const void* x, void* y, std::int64_t batch, std::int64_t length, void* stream) {
  const LayerSpec& spec = layer.kernel.spec();
  if (const std::int64_t bytes = layer.kernel.workspace_bytes(batch, length); bytes > layer.workspace.bytes()) {
    layer.workspace = DeviceArray(engine(), bytes, layer.device);
    layer.workspace.clear();
  }
  layer.kernel.run(ConstBuffer(x, batch * spec.in_channels * length, layer.dtype), layer.weights,
                   Buffer(y, batch * spec.out_channels * layer.kernel.output_length(length), layer.dtype),
                   {.batch = batch,
                    .length = length,
                    .stream = stream,
                    .workspace = {layer.workspace.data(), layer.workspace.bytes()}});
}

}  // namespace

const char* unstride_gpu_error() {
  return last_error.c_str();
}

void* unstride_gpu_open(const char* spec_text, const void* weight, std::int64_t weight_count, const void* bias,
                        std::int64_t bias_count, int device) {
  return guarded<void*>(nullptr, [&] {
    const LayerSpec spec = parse_spec(spec_text);
    auto layer = std::make_unique<Layer>();
    layer->kernel = engine().compile(spec, {.target = "cuda", .device = device});
    layer->weights =
        layer->kernel.pack(ConstBuffer(weight, weight_count, spec.dtype), ConstBuffer(bias, bias_count, spec.dtype));
    layer->dtype = spec.dtype;
    layer->device = device;
    const CompileInfo& info = layer->kernel.info();
    layer->description = fmt::format("{} | {} | {} | compile {:.1f} ms, load {:.1f} ms", info.target, info.plan,
                                     info.cache, info.compile_ms, info.load_ms);
    return layer.release();
  });
}

void unstride_gpu_close(void* layer) {
  delete static_cast<Layer*>(layer);
}

const char* unstride_gpu_describe(void* layer) {
  return static_cast<Layer*>(layer)->description.c_str();
}

std::int64_t unstride_gpu_output_length(void* layer, std::int64_t length) {
  return guarded<std::int64_t>(-1, [&] { return static_cast<Layer*>(layer)->kernel.output_length(length); });
}

int unstride_gpu_run(void* layer, const void* x, void* y, std::int64_t batch, std::int64_t length, void* stream) {
  return guarded(-1, [&] {
    run(*static_cast<Layer*>(layer), x, y, batch, length, stream);
    return 0;
  });
}

double unstride_gpu_launch_us(void* layer, const void* x, void* y, std::int64_t batch, std::int64_t length) {
  constexpr int bursts = 50, launches = 100;  // a driver queues about a thousand launches before it makes callers wait
  constexpr std::chrono::milliseconds enough(300);  // long calls are waited for after each burst
  return guarded(-1.0, [&] {
    const DeviceStream stream(engine());
    std::vector<double> times;
    const auto begin = std::chrono::steady_clock::now();
    while (times.size() < bursts && std::chrono::steady_clock::now() - begin < enough) {
      const auto start = std::chrono::steady_clock::now();
      for (int k = 0; k < launches; ++k) run(*static_cast<Layer*>(layer), x, y, batch, length, stream.handle());
      const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
      times.push_back(elapsed.count() / launches);
      stream.synchronize();
    }
    const auto middle = times.begin() + std::ssize(times) / 2;
    std::ranges::nth_element(times, middle);
    return *middle;
  });
}
