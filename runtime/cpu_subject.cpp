#ifdef UNSTRIDE_WITH_LLVM

#include "runtime/cpu_subject.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>

#include "codegen/plan/cpu_planner.h"
#include "runtime/cpu/aligned_buffer.h"
#include "runtime/cpu/cpu_kernel.h"
#include "runtime/fast_math_check.h"
#include "runtime/tuning/statistics.h"
#include "unstride/conv_transpose1d.hpp"

namespace unstride {

namespace {

// Packed weights of all contenders together.
constexpr std::int64_t most_weight_bytes = std::int64_t{2} << 30;

// Writing so much leaves nothing else in the caches.
std::int64_t flush_bytes() {
  constexpr std::int64_t least = std::int64_t{32} << 20, most = std::int64_t{1} << 30;
  return std::clamp<std::int64_t>(2 * sysconf(_SC_LEVEL3_CACHE_SIZE), least, most);
}

constexpr double most_warm_up = 60e-3;
// A sample is the median of some batches of calls: what disturbs one or two does not count. Of longer calls fewer.
constexpr int fewest_batches = 3, most_batches = 8;
constexpr double long_sample = 20e-3;
constexpr Undisturbed::Seconds most_patience(0.2);

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <typename T>
void fill_random(T* values, std::int64_t count) {
  std::mt19937_64 random(1);
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = T(static_cast<float>(static_cast<double>(random() >> 40) * 0x1p-23 - 1));
}

// Inputs and outputs lie in a place of their own for each sample, on other pages and another line of them, and panels
// in one of several: which lines of weights, panels and arrays get into each other's way is chance, worth some percent,
// and stays the same for a whole process. (Panels on huge pages, with sums of blocks of channels, have no such chance.)
constexpr std::size_t cache_line = 64, room = std::size_t{1} << 20;
// Odd numbers of lines, so that each place comes once before any comes again, near two fractions of the room whose
// multiples spread evenly.
constexpr std::size_t x_step = 10'127, y_step = 6'787;

std::size_t place(std::size_t sample, std::size_t step) {
  return sample * step * cache_line % room;
}

// What all contenders share. Arrays as callers have them, on ordinary pages: on huge ones (AlignedBuffer), plans that
// read many rows at once would look faster than they are.
struct Workload {
  Workload(const LayerSpec& layer, std::int64_t input_length)
      : spec(layer), length(input_length), output_length(unstride::output_length(layer, input_length)) {
    const auto bytes = [&](std::int64_t count) { return static_cast<std::size_t>(count * size_in_bytes(spec.dtype)); };
    x.resize(bytes(spec.in_channels * length) + room);
    y.resize(bytes(spec.out_channels * output_length) + room);
    parameters.resize(bytes(spec.weight_count() + (spec.bias ? spec.out_channels : 0)));
    with_element(spec.dtype, [&](auto element) {
      using T = decltype(element);
      fill_random(reinterpret_cast<T*>(x.data()), static_cast<std::int64_t>(x.size() / sizeof(T)));
      const std::vector<T> values = initial_parameters<T>(spec, 1);
      std::memcpy(parameters.data(), values.data(), values.size() * sizeof(T));
    });
  }

  const void* bias() const {
    if (!spec.bias) return nullptr;
    return parameters.data() + spec.weight_count() * size_in_bytes(spec.dtype);
  }

  LayerSpec spec;
  std::int64_t length, output_length;
  std::vector<std::byte> x, y, parameters;
};

class CpuSubject;

class CpuContender final : public tuning::Contender {
 public:
  CpuContender(CpuSubject& subject, std::unique_ptr<cpu::CpuKernel> kernel, cpu::PackedWeightSets weights)
      : subject_(subject), kernel_(std::move(kernel)), weights_(std::move(weights)) {}
  std::string check() override;
  double time(int calls) override;

 private:
  void run();
  double timed(int calls);
  double cold_sample(int calls);
  double warm_sample(int calls);

  CpuSubject& subject_;
  std::unique_ptr<cpu::CpuKernel> kernel_;
  cpu::PackedWeightSets weights_;
  std::size_t samples_ = 0;
};

class CpuSubject final : public tuning::Subject {
 public:
  CpuSubject(const plan::CpuProblem& problem, const plan::KernelPlan& model, CompiledPlans& code, cpu::Jit& jit,
             cpu::ThreadPool& threads, Undisturbed& undisturbed, const CpuSubjectOptions& options)
      : problem_(problem),
        code_(code),
        jit_(jit),
        threads_(threads),
        undisturbed_(undisturbed),
        cold_(options.cold),
        work_(problem.spec, options.length) {
    const std::int64_t columns = plan::Columns(problem.spec, work_.output_length).count;
    default_ = to_string(model.variants[model.index_for(columns)].plan);
    for (const plan::CpuStrategy* strategy : plan::cpu_strategies())
      for (const plan::CpuPlan& plan : strategy->enumerate(problem))
        candidates_.push_back({to_string(plan), strategy->predict(problem, plan, columns), family(plan)});
    std::ranges::stable_sort(candidates_, {}, &tuning::Candidate::predicted);
  }

  const std::string& default_plan() const override { return default_; }
  const std::vector<tuning::Candidate>& candidates() const override { return candidates_; }
  int builders() const override { return cpu::available_processors(); }
  std::size_t most_contenders() const override {
    const std::int64_t bytes = std::max<std::int64_t>(1, problem_.spec.weight_count() * problem_.element_bytes());
    return static_cast<std::size_t>(std::max<std::int64_t>(2, most_weight_bytes / bytes));
  }

  std::unique_ptr<tuning::Contender> build(const std::string& text) override {
    const plan::KernelPlan plan = plan::choose_plan(problem_, text).plan;  // says what is wrong with an illegal one
    auto kernel = std::make_unique<cpu::CpuKernel>(problem_, plan, code_.get(problem_, plan, jit_));
    cpu::PackedWeightSets weights = kernel->pack(work_.parameters.data(), work_.bias());
    return std::make_unique<CpuContender>(*this, std::move(kernel), std::move(weights));
  }

  void build_ahead(const std::string& text) override {
    code_.get(problem_, plan::choose_plan(problem_, text).plan, jit_);
  }

  // The first sample's place is that of check().
  void run(const cpu::CpuKernel& kernel, const cpu::PackedWeightSets& weights, std::size_t sample) {
    kernel.run({.x = work_.x.data() + place(sample, x_step),
                .weights = weights,
                .y = work_.y.data() + place(sample, y_step),
                .batch = 1,
                .input_length = work_.length,
                .output_length = work_.output_length,
                .x_pitch = work_.length,
                .y_pitch = work_.output_length,
                .threads = threads_.threads(),
                .executor = &threads_,
                .scratch_place = sample % cpu::scratch_places});
  }

  void warm_scratch(const cpu::CpuKernel& kernel) {
    std::int64_t bytes = kernel.scratch_bytes();
    const auto warm = [](void* context, int) { cpu::warm_thread_scratch(*static_cast<std::int64_t*>(context)); };
    threads_.parallel(threads_.threads(), warm, &bytes);
  }

  // The bits of the first that is checked, which is the default; under fast math what is within its bound.
  std::string check() {
    const std::byte* y = work_.y.data();
    if (problem_.spec.math == Math::fast) {
      if (!bound_)
        bound_ = std::make_unique<FastMathCheck>(problem_, work_.x.data(), work_.parameters.data(), work_.length);
      return bound_->check(y);
    }
    const std::size_t size = work_.y.size() - room;
    if (reference_.empty()) reference_.assign(y, y + size);
    const auto differs = std::ranges::mismatch(reference_, std::span(y, size)).in1 - reference_.begin();
    if (differs == std::ssize(reference_)) return {};
    return fmt::format("output {} has other bits than by the default plan",
                       differs / size_in_bytes(problem_.spec.dtype));
  }

  // Overwritten by every run, so that no check passes on what another left.
  void spoil() { std::ranges::fill(work_.y, std::byte{0xff}); }

  void flush() {
    if (flushed_.size() == 0) flushed_ = cpu::AlignedBuffer(flush_bytes());
    auto* line = static_cast<volatile unsigned char*>(flushed_.data());
    for (std::int64_t i = 0; i < flushed_.size(); i += 64) line[i] = static_cast<unsigned char>(line[i] + 1);
  }

  // Where something disturbs the processors all the time, a sample costs four times as much, and is as good as it gets.
  double sample(const std::function<double()>& take) {
    const Undisturbed::Seconds left = 3 * undisturbed_.kept() - undisturbed_.lost();
    return undisturbed_.sample(take, std::min(left, most_patience));
  }

  bool cold() const { return cold_; }

 private:
  std::string family(const plan::CpuPlan& plan) const {
    const bool blocked = plan.channel_block < problem_.in_channels();
    return fmt::format("{} {} {} {}", plan.strategy(), static_cast<int>(plan.input), static_cast<int>(plan.prefetch),
                       blocked);
  }

  plan::CpuProblem problem_;
  CompiledPlans& code_;
  cpu::Jit& jit_;
  cpu::ThreadPool& threads_;
  Undisturbed& undisturbed_;
  bool cold_;
  Workload work_;
  std::string default_;
  std::vector<tuning::Candidate> candidates_;
  std::vector<std::byte> reference_;
  std::unique_ptr<FastMathCheck> bound_;
  cpu::AlignedBuffer flushed_;
};

void CpuContender::run() {
  subject_.run(*kernel_, weights_, samples_);
}

// Seconds of a call.
double CpuContender::timed(int calls) {
  const double start = seconds_now();
  for (int i = 0; i < calls; ++i) run();
  return (seconds_now() - start) / calls;
}

std::string CpuContender::check() {
  subject_.warm_scratch(*kernel_);
  subject_.spoil();
  samples_ = 0;
  run();
  return subject_.check();
}

double CpuContender::time(int calls) {
  ++samples_;
  return subject_.sample([&] { return subject_.cold() ? cold_sample(calls) : warm_sample(calls); });
}

double CpuContender::cold_sample(int calls) {
  double sum = 0;
  for (int i = 0; i < calls; ++i) {
    subject_.flush();
    sum += timed(1);
  }
  return sum / calls;
}

// Weights that other contenders' have driven out of the third-level cache come back in some calls, at two or three
// times the time at first: what came before calls that are no faster is warming up.
double CpuContender::warm_sample(int calls) {
  const int batch = (calls + most_batches - 1) / most_batches;
  std::vector<double> times = {timed(batch)};
  const double batches_in_long_sample = std::ceil(long_sample / (batch * times.front()));
  // Warming up for a call that takes so long costs more than what it makes even.
  if (batches_in_long_sample <= 1) return times.front();
  const auto batches = static_cast<std::size_t>(
      std::min(batches_in_long_sample, static_cast<double>(std::max(fewest_batches, (calls + batch - 1) / batch))));
  for (double spent = batch * times.front(); times.size() < batches;) {
    const double time = timed(batch);
    spent += batch * time;
    const bool warming_up = times.size() < fewest_batches && spent < most_warm_up;
    if (warming_up && time < 0.98 * std::ranges::min(times)) times.clear();
    times.push_back(time);
  }
  return tuning::median(std::move(times));
}

}  // namespace

double slowest_rate(cpu::ThreadPool& threads) {
  std::vector<double> rates(static_cast<std::size_t>(threads.threads()));
  const auto measure = [](void* context, int index) { static_cast<double*>(context)[index] = addition_rate(); };
  threads.parallel(threads.threads(), measure, rates.data());
  return std::ranges::min(rates);
}

std::unique_ptr<tuning::Subject> make_cpu_subject(const plan::CpuProblem& problem, const plan::KernelPlan& model,
                                                  CompiledPlans& code, cpu::Jit& jit, cpu::ThreadPool& threads,
                                                  Undisturbed& undisturbed, const CpuSubjectOptions& options) {
  return std::make_unique<CpuSubject>(problem, model, code, jit, threads, undisturbed, options);
}

}  // namespace unstride

#endif
