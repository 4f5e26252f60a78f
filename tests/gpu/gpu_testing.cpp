#include "tests/gpu/gpu_testing.h"

#include <algorithm>
#include <stdexcept>

namespace unstride::testing {

namespace {

constexpr std::int64_t behind = 64;  // elements after the end of y that must stay as they are

template <typename T>
T never_computed() {
  return stored<T>(dtype_of<T> == DType::float16 ? -61234 : -1.2345e30);
}

}  // namespace

std::string why_no_gpu() {
  static const std::string why = [] {
    for (const TargetInfo& info : engine().targets())
      if (info.name == "cuda") {
        if (!info.runs) return info.description;
        return info.compiles ? std::string() : "no NVRTC with code for " + info.description;
      }
    return std::string("this build has no CUDA");
  }();
  return why;
}

std::vector<std::string> tiles_of(std::string_view plan) {
  constexpr std::string_view separator = "; ";
  std::vector<std::string> tiles;
  for (;;) {
    const std::size_t end = plan.find(separator);
    tiles.emplace_back(plan.substr(0, end));
    if (end == plan.npos) return tiles;
    plan.remove_prefix(end + separator.size());
  }
}

template <typename T>
GpuCall<T>::GpuCall(const Kernel& kernel, const LayerData<T>& data, RunOptions options)
    : kernel_(kernel),
      description_(describe(kernel, data)),
      weights_(kernel.pack(data.w, data.b)),
      options_(options),
      x_count_(std::ssize(data.x)),
      y_count_(0),
      stream_(engine()) {
  options_.batch = data.batch;
  options_.length = data.length;
  const std::int64_t row = options.output_size > 0 ? options.output_size : kernel.output_length(data.length);
  y_count_ = data.batch * data.spec.out_channels * row;
  constexpr std::int64_t size = sizeof(T);
  x_ = DeviceArray(engine(), x_count_ * size);
  y_ = DeviceArray(engine(), (y_count_ + behind) * size);
  if (!options.workspace.data) {
    workspace_ = DeviceArray(engine(), kernel.workspace_bytes(data.batch, data.length, options.output_size));
    workspace_.clear();
    options_.workspace = {workspace_.data(), workspace_.bytes()};
  }
  x_.upload(data.x.data(), x_count_ * size);
  clear();
}

template <typename T>
GpuCall<T>::GpuCall(const LayerData<T>& data, const CompileOptions& compile, RunOptions options)
    : GpuCall(engine().compile(data.spec, compile), data, options) {}

template <typename T>
void GpuCall<T>::run(void* stream) const {
  RunOptions options = options_;
  options.stream = stream;
  kernel_.run(ConstBuffer(x_.data(), x_count_, dtype_of<T>), weights_, Buffer(y_.data(), y_count_, dtype_of<T>),
              options);
}

template <typename T>
void GpuCall<T>::wait() const {
  try {
    stream_.synchronize();
  } catch (const Error& error) {
    throw std::runtime_error(error.what() + ("; " + description_));
  }
}

template <typename T>
std::vector<T> GpuCall<T>::result() const {
  wait();
  std::vector<T> y(static_cast<std::size_t>(y_count_ + behind));
  y_.download(y.data(), std::ssize(y) * static_cast<std::int64_t>(sizeof(T)));
  EXPECT_TRUE(std::all_of(y.begin() + y_count_, y.end(), [](T v) { return same_bits(v, never_computed<T>()); }))
      << "written behind the end of y: " << to_json(kernel_.spec());
  y.resize(static_cast<std::size_t>(y_count_));
  return y;
}

template <typename T>
void GpuCall<T>::clear() const {
  const std::vector<T> pattern(static_cast<std::size_t>(y_count_ + behind), never_computed<T>());
  y_.upload(pattern.data(), std::ssize(pattern) * static_cast<std::int64_t>(sizeof(T)));
}

template class GpuCall<float>;
template class GpuCall<double>;
template class GpuCall<Float16>;
template class GpuCall<BFloat16>;

}  // namespace unstride::testing
