#include "runtime/cpu/cpu_kernel.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>

#include "runtime/cpu/aligned_buffer.h"
#include "runtime/cpu/schedule.h"

namespace unstride::cpu {

namespace {

// Round to nearest, keep subnormals, no traps, whatever mode the caller's thread is in: the numerics contract.
class DefaultFloatingPointMode {
 public:
  DefaultFloatingPointMode() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~DefaultFloatingPointMode() { _mm_setcsr(saved_); }
  DefaultFloatingPointMode(const DefaultFloatingPointMode&) = delete;
  DefaultFloatingPointMode& operator=(const DefaultFloatingPointMode&) = delete;

 private:
  unsigned saved_;
};

// The items of one call, in a share for each thread: neighbouring items, and the same ones in every call of the same
// size, so that a thread finds in its caches what it read and wrote before. Who is done helps the others.
class Call {
 public:
  Call(KernelFunction function, const KernelArguments& arguments, const Schedule& schedule, std::int64_t scratch_bytes,
       std::size_t scratch_place)
      : function_(function),
        arguments_(arguments),
        grain_(schedule.grain),
        scratch_bytes_(scratch_bytes),
        scratch_place_(scratch_place),
        share_count_(std::min(schedule.threads, most_shares)) {
    std::int64_t begin = 0;
    for (int i = 0; i < share_count_; ++i) {
      shares_[i].next = begin;
      shares_[i].end = begin = schedule.items * (i + 1) / share_count_;
    }
  }

  void work(int index) {
    const DefaultFloatingPointMode mode;
    void* scratch = nullptr;
    try {
      scratch = thread_scratch(scratch_bytes_, scratch_place_);
    } catch (const std::bad_alloc&) {  // a task must not throw: the caller does, once all have returned
      out_of_memory_ = true;
      return;
    }
    for (int i = 0; i < share_count_; ++i) {
      Share& share = shares_[(index + i) % share_count_];
      if (share.next.load(std::memory_order_relaxed) >= share.end) continue;
      for (std::int64_t begin = share.next.fetch_add(grain_); begin < share.end; begin = share.next.fetch_add(grain_))
        function_(&arguments_, begin, std::min(begin + grain_, share.end), scratch);
    }
  }

  bool out_of_memory() const { return out_of_memory_; }

 private:
  struct alignas(64) Share {
    std::atomic<std::int64_t> next = 0;
    std::int64_t end = 0;
  };
  static constexpr int most_shares = 64;

  KernelFunction function_;
  const KernelArguments& arguments_;
  std::int64_t grain_;
  std::int64_t scratch_bytes_;
  std::size_t scratch_place_;
  int share_count_;
  std::atomic<bool> out_of_memory_ = false;
  Share shares_[most_shares];
};

}  // namespace

CpuKernel::CpuKernel(plan::CpuProblem problem, const plan::KernelPlan& plan, std::unique_ptr<LoadedCode> code)
    : problem_(std::move(problem)), plan_(plan), code_(std::move(code)) {
  std::size_t sets = 0;
  for (const plan::Variant& variant : plan_.variants) {
    plan::CpuGeometry geometry(problem_, variant.plan);
    const auto same = std::ranges::find(
        variants_, geometry.weights, [](const Variant& other) -> const auto& { return other.geometry.weights; });
    const std::size_t weights = same == variants_.end() ? sets++ : same->weights;
    variants_.push_back({std::move(geometry), plan::call_cost(problem_, variant.plan, variant.most_columns), weights});
  }
}

std::int64_t CpuKernel::scratch_bytes() const {
  std::int64_t most = 0;
  for (const Variant& variant : variants_) most = std::max(most, variant.geometry.scratch_bytes);
  return most;
}

PackedWeightSets CpuKernel::pack(const void* weight, const void* bias) const {
  PackedWeightSets packed;
  for (const Variant& variant : variants_)
    if (variant.weights == packed.sets.size())
      packed.sets.push_back(pack_weights(problem_, variant.geometry.weights, weight, bias));
  return packed;
}

void CpuKernel::run(const RunArguments& run) const {
  KernelArguments arguments{};
  arguments.x = run.x;
  arguments.y = run.y;
  arguments.x_pitch = run.x_pitch;
  arguments.x_batch_pitch = run.x_pitch * problem_.spec.in_channels;
  arguments.y_pitch = run.y_pitch;
  arguments.y_batch_pitch = run.y_pitch * problem_.spec.out_channels;
  arguments.input_length = run.input_length;
  arguments.output_length = run.output_length;
  arguments.columns = plan::Columns(problem_.spec, run.output_length).count;

  const std::size_t index = plan_.index_for(arguments.columns);
  const Variant& variant = variants_[index];
  const PackedLayer& weights = run.weights.sets[variant.weights];
  arguments.weights = weights.weights.data();
  arguments.biases = weights.biases.data();
  arguments.border_counts = weights.non_finite != 0;

  const Schedule schedule = cpu::schedule(problem_, plan_.variants[index].plan, variant.geometry, variant.cost,
                                          run.batch, run.threads, arguments);
  Call call(code_->functions[index], arguments, schedule, variant.geometry.scratch_bytes, run.scratch_place);
  if (schedule.threads == 1) {
    call.work(0);
  } else {
    run.executor->parallel(
        schedule.threads, [](void* context, int share) { static_cast<Call*>(context)->work(share); }, &call);
  }
  if (call.out_of_memory()) throw std::bad_alloc();
}

}  // namespace unstride::cpu
