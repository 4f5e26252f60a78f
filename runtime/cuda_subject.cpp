#ifdef UNSTRIDE_WITH_CUDA

#include "runtime/cuda_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <optional>
#include <random>

#include "codegen/cuda/source.h"
#include "codegen/plan/gpu_planner.h"
#include "runtime/cuda/cuda_kernel.h"
#include "runtime/cuda/graph.h"
#include "runtime/cuda_fast_math.h"
#include "unstride/conv_transpose1d.hpp"

namespace unstride {

namespace {

// Packed weights of all contenders together.
constexpr std::int64_t most_weight_bytes = std::int64_t{8} << 30;
// Nodes of a graph; more calls launch it several times.
constexpr int most_captured = 1000;
// Warming up for longer calls costs more than what it makes even.
constexpr double warm_up_below = 20e-3;
// Not a number in any type, as a pattern of bytes.
constexpr unsigned char poison = 0xff;

// What all contenders share, on the host and on the device.
struct DeviceWorkload {
  DeviceWorkload(const LayerSpec& spec, std::int64_t length, const std::shared_ptr<const cuda::Device>& device)
      : x(static_cast<std::size_t>(spec.in_channels * length * size_in_bytes(spec.dtype))),
        x_on_device(device, std::ssize(x)),
        y_on_device(device, spec.out_channels * output_length(spec, length) * size_in_bytes(spec.dtype)),
        stream(device) {
    with_element(spec.dtype, [&](auto element) {
      using T = decltype(element);
      std::mt19937_64 random(1);
      for (std::size_t i = 0; i < x.size() / sizeof(T); ++i) {
        const T value(static_cast<float>(static_cast<double>(random() >> 40) * 0x1p-23 - 1));
        std::memcpy(&x[i * sizeof(T)], &value, sizeof(T));
      }
      const std::vector<T> values = initial_parameters<T>(spec, 1);
      parameters.resize(values.size() * sizeof(T));
      std::memcpy(parameters.data(), values.data(), parameters.size());
    });
    x_on_device.copy_from(x.data(), std::ssize(x));
  }

  const void* bias(const LayerSpec& spec) const {
    return spec.bias ? parameters.data() + spec.weight_count() * size_in_bytes(spec.dtype) : nullptr;
  }

  std::vector<std::byte> x, parameters;
  cuda::DeviceMemory x_on_device, y_on_device;
  cuda::Stream stream;
};

class CudaSubject;

class CudaContender final : public tuning::Contender {
 public:
  CudaContender(CudaSubject& subject, std::unique_ptr<const cuda::CudaKernel> kernel,
                std::shared_ptr<const cuda::DeviceWeights> weights, std::unique_ptr<const cuda::DeviceMemory> workspace)
      : subject_(subject), kernel_(std::move(kernel)), weights_(std::move(weights)), workspace_(std::move(workspace)) {}
  std::string check() override;
  double time(int calls) override;

 private:
  void run() const;
  const cuda::Graph& captured(int calls);
  double cold(int calls);
  double warm(int calls);

  CudaSubject& subject_;
  std::unique_ptr<const cuda::CudaKernel> kernel_;
  std::shared_ptr<const cuda::DeviceWeights> weights_;
  std::unique_ptr<const cuda::DeviceMemory> workspace_;
  std::unique_ptr<const cuda::Graph> graph_;
  int captured_ = 0;  // calls in it
};

class CudaSubject final : public tuning::Subject {
 public:
  CudaSubject(const plan::GpuProblem& problem, const plan::GpuPlan& model, CompiledCubins& code,
              std::shared_ptr<const cuda::Device> device, std::shared_ptr<const cuda::Clocks> clocks,
              const CudaSubjectOptions& options)
      : problem_(problem),
        code_(code),
        device_(std::move(device)),
        clocks_(std::move(clocks)),
        options_(options),
        output_length_(output_length(problem.spec, options.length)) {
    const plan::GpuProblem here = cuda::as_chosen_by(problem, device_->properties());
    const std::int64_t columns = gpu::columns_of(problem.layer, output_length_);
    default_ = plan::to_string(model.tiles[variant_for(here, model, 1, columns)]);
    for (const plan::GpuStrategy* strategy : plan::gpu_strategies())
      for (const plan::GpuTile& tile : strategy->enumerate(problem))
        if (const double predicted = strategy->predict(here, tile, 1, columns); std::isfinite(predicted))
          candidates_.push_back({plan::to_string(tile), predicted, std::string(strategy->name)});
    std::ranges::stable_sort(candidates_, {}, &tuning::Candidate::predicted);
  }

  const std::string& default_plan() const override { return default_; }
  const std::vector<tuning::Candidate>& candidates() const override { return candidates_; }
  int builders() const override { return options_.builders; }
  std::size_t most_contenders() const override {
    const std::int64_t room = std::min(most_weight_bytes, device_->properties().memory_bytes / 4);
    const std::int64_t bytes = std::max<std::int64_t>(1, problem_.spec.weight_count() * problem_.accumulator_bytes());
    return static_cast<std::size_t>(std::max<std::int64_t>(2, room / bytes));
  }
  std::string conditions() const override { return clocks_->now(); }

  std::unique_ptr<tuning::Contender> build(const std::string& text) override {
    const plan::GpuPlan plan{{plan::read_gpu_tile(problem_, text)}};  // says what is wrong with an illegal one
    auto kernel = std::make_unique<const cuda::CudaKernel>(problem_, plan, device_, *code_.get(problem_, plan));
    auto weights = kernel->pack(work().parameters.data(), work().bias(problem_.spec));
    auto workspace = std::make_unique<cuda::DeviceMemory>(device_, kernel->workspace_bytes(1, output_length_));
    workspace->clear();
    return std::make_unique<CudaContender>(*this, std::move(kernel), std::move(weights), std::move(workspace));
  }

  void build_ahead(const std::string& text) override { code_.get(problem_, {{plan::read_gpu_tile(problem_, text)}}); }

  void run(const cuda::CudaKernel& kernel, const cuda::DeviceWeights& weights, const cuda::DeviceMemory& workspace) {
    kernel.run({.x = work().x_on_device.data(),
                .weights = weights,
                .y = work().y_on_device.data(),
                .batch = 1,
                .input_length = options_.length,
                .output_length = output_length_,
                .x_pitch = options_.length,
                .y_pitch = output_length_,
                .stream = stream().handle(),
                .workspace = workspace.data(),
                .workspace_bytes = workspace.bytes()});
  }

  // The bits of the first that is checked, which is the default; under fast math what is within its bound.
  std::string check() {
    stream().synchronize();
    std::vector<std::byte> y(static_cast<std::size_t>(work().y_on_device.bytes()));
    work().y_on_device.copy_to(y.data(), std::ssize(y));
    if (problem_.spec.math == Math::fast && problem_.spec.dtype != DType::float64) {
      if (!bound_)
        bound_ =
            cuda_fast_math_bound(problem_, code_, device_, work().x.data(), work().parameters.data(), options_.length);
      return bound_->check(y.data());
    }
    if (reference_.empty()) reference_ = y;
    const auto differs = std::ranges::mismatch(reference_, y).in1 - reference_.begin();
    if (differs == std::ssize(reference_)) return {};
    return fmt::format("output {} has other bits than by the default plan",
                       differs / size_in_bytes(problem_.spec.dtype));
  }

  // Overwritten by every run, so that no check passes on what another left.
  void spoil() { work().y_on_device.fill(poison, stream().handle()); }

  // Puts on the stream what leaves nothing else in the second-level cache.
  void flush() {
    if (!flushed_) {
      constexpr std::int64_t least = std::int64_t{64} << 20;
      flushed_ = std::make_unique<cuda::DeviceMemory>(device_, std::max(least, 2 * device_->properties().l2_bytes));
    }
    flushed_->fill(poison, stream().handle());
  }

  const cuda::Stream& stream() { return work().stream; }
  bool cold() const { return options_.cold; }

 private:
  // Not before it is needed: another layer may be measured while this one's plans are compiled.
  DeviceWorkload& work() {
    std::call_once(made_, [this] { work_.emplace(problem_.spec, options_.length, device_); });
    return *work_;
  }

  plan::GpuProblem problem_;
  CompiledCubins& code_;
  std::shared_ptr<const cuda::Device> device_;
  std::shared_ptr<const cuda::Clocks> clocks_;
  CudaSubjectOptions options_;
  std::int64_t output_length_;
  std::string default_;
  std::vector<tuning::Candidate> candidates_;
  std::once_flag made_;
  std::optional<DeviceWorkload> work_;
  std::vector<std::byte> reference_;
  std::unique_ptr<const FastMathBound> bound_;
  std::unique_ptr<cuda::DeviceMemory> flushed_;
};

void CudaContender::run() const {
  subject_.run(*kernel_, *weights_, *workspace_);
}

// A launch that the driver refuses makes a plan wrong, and ends no search.
std::string CudaContender::check() {
  try {
    subject_.spoil();
    run();
    return subject_.check();
  } catch (const Error& error) {
    return error.what();
  }
}

const cuda::Graph& CudaContender::captured(int calls) {
  if (captured_ != calls) {
    graph_ = std::make_unique<const cuda::Graph>(subject_.stream(), [&] {
      for (int i = 0; i < calls; ++i) run();
    });
    captured_ = calls;
  }
  return *graph_;
}

// The host is ahead of the device while that flushes: between the events there is the call alone.
double CudaContender::cold(int calls) {
  const cuda::Graph& call = captured(1);
  double milliseconds = 0;
  for (int i = 0; i < calls; ++i) {
    subject_.flush();
    milliseconds += subject_.stream().time_ms([&] { call.launch(subject_.stream()); });
  }
  return milliseconds * 1e-3 / calls;
}

double CudaContender::warm(int calls) {
  const int nodes = std::min(calls, most_captured), launches = (calls + nodes - 1) / nodes;
  const cuda::Graph& graph = captured(nodes);
  const auto launch = [&](int times) {
    return subject_.stream().time_ms([&] {
      for (int i = 0; i < times; ++i) graph.launch(subject_.stream());
    }) * 1e-3;
  };
  const double first = launch(1);
  if (calls == 1 && first > warm_up_below) return first;
  return launch(launches) / (static_cast<double>(nodes) * launches);
}

double CudaContender::time(int calls) {
  return subject_.cold() ? cold(calls) : warm(calls);
}

}  // namespace

std::shared_ptr<const std::string> CompiledCubins::get(const plan::GpuProblem& problem, const plan::GpuPlan& plan) {
  const std::string key = fmt::format("{} {} {}", problem.target.name, to_json(problem.spec), to_string(plan));
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = code_.find(key); found != code_.end()) return found->second;
  }
  auto made = std::make_shared<const std::string>(compile_(problem, plan));
  const std::lock_guard lock(mutex_);
  if (code_.size() >= most) code_.clear();
  return code_.emplace(key, std::move(made)).first->second;
}

void CompiledCubins::clear() {
  const std::lock_guard lock(mutex_);
  code_.clear();
}

std::unique_ptr<tuning::Subject> make_cuda_subject(const plan::GpuProblem& problem, const plan::GpuPlan& model,
                                                   CompiledCubins& code, std::shared_ptr<const cuda::Device> device,
                                                   std::shared_ptr<const cuda::Clocks> clocks,
                                                   const CudaSubjectOptions& options) {
  return std::make_unique<CudaSubject>(problem, model, code, std::move(device), std::move(clocks), options);
}

tuning::Environment cuda_environment(const cuda::DeviceProperties* device, const std::string& compiler) {
  tuning::Environment environment{.processor = "unknown",
                                  .features = "unknown",
                                  .compiler = compiler,
                                  .generator = std::string(cuda::header_digest())};
  if (device) {
    environment.processor = fmt::format("{} ({} multiprocessors)", device->name, device->multiprocessors);
    environment.features = fmt::format("compute capability {}.{}, clocks: {}", device->major, device->minor,
                                       cuda::nominal_clocks(*device));
  }
  return environment;
}

}  // namespace unstride

#endif
