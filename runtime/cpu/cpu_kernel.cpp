#include "runtime/cpu/cpu_kernel.h"

#include <immintrin.h>

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

struct Call {
  KernelFunction function;
  const KernelArguments& arguments;
  const Schedule& schedule;
  std::int64_t scratch_bytes;
  std::atomic<std::int64_t> next = 0;
  std::atomic<bool> out_of_memory = false;

  void work() {
    const DefaultFloatingPointMode mode;
    void* scratch = nullptr;
    try {
      scratch = thread_scratch(scratch_bytes);
    } catch (const std::bad_alloc&) {  // a task must not throw: the caller does, once all have returned
      out_of_memory = true;
      return;
    }
    for (std::int64_t begin = next.fetch_add(schedule.grain); begin < schedule.items;
         begin = next.fetch_add(schedule.grain))
      function(&arguments, begin, std::min(begin + schedule.grain, schedule.items), scratch);
  }
};

}  // namespace

CpuKernel::CpuKernel(plan::CpuProblem problem, plan::CpuPlan plan, std::unique_ptr<LoadedCode> code)
    : problem_(std::move(problem)), plan_(plan), geometry_(problem_, plan_), code_(std::move(code)) {}

PackedLayer CpuKernel::pack(const void* weight, const void* bias) const {
  return pack_weights(problem_, geometry_.weights, weight, bias);
}

void CpuKernel::run(const RunArguments& run) const {
  KernelArguments arguments{};
  arguments.x = run.x;
  arguments.weights = run.weights.weights.data();
  arguments.biases = run.weights.biases.data();
  arguments.y = run.y;
  arguments.x_pitch = run.x_pitch;
  arguments.x_batch_pitch = run.x_pitch * problem_.spec.in_channels;
  arguments.y_pitch = run.y_pitch;
  arguments.y_batch_pitch = run.y_pitch * problem_.spec.out_channels;
  arguments.input_length = run.input_length;
  arguments.output_length = run.output_length;
  arguments.columns = plan::Columns(problem_.spec, run.output_length).count;

  const Schedule plan = schedule(problem_, plan_, geometry_, run.batch, run.threads, arguments);
  Call call{code_->function, arguments, plan, geometry_.scratch_bytes};
  if (plan.threads == 1) {
    call.work();
  } else {
    run.executor->parallel(
        plan.threads, [](void* context, int) { static_cast<Call*>(context)->work(); }, &call);
  }
  if (call.out_of_memory) throw std::bad_alloc();
}

}  // namespace unstride::cpu
