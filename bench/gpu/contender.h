// unstride for the GPU benchmark, as a C interface: bench/gpu/compare.py calls it beside PyTorch in one process, on
// PyTorch's memory and streams, so that both are timed by the same clock.
#pragma once

#include <cstdint>

#define UNSTRIDE_BENCH_API extern "C" __attribute__((visibility("default")))

/// What went wrong in the last call of this thread that failed.
UNSTRIDE_BENCH_API const char* unstride_gpu_error();

/// A compiled layer with its weights on the device; null when that fails. spec is JSON; weight and bias are host memory
/// of the spec's dtype.
UNSTRIDE_BENCH_API void* unstride_gpu_open(const char* spec, const void* weight, std::int64_t weight_count,
                                           const void* bias, std::int64_t bias_count, int device);
UNSTRIDE_BENCH_API void unstride_gpu_close(void* layer);
/// The plan, and what compiling took.
UNSTRIDE_BENCH_API const char* unstride_gpu_describe(void* layer);
UNSTRIDE_BENCH_API std::int64_t unstride_gpu_output_length(void* layer, std::int64_t length);
/// x and y are memory of the device, dense. Returns 0, or -1 on an error.
UNSTRIDE_BENCH_API int unstride_gpu_run(void* layer, const void* x, void* y, std::int64_t batch, std::int64_t length,
                                        void* stream);
/// Microseconds of the calling thread for one call of run, the median of bursts that the device can queue; negative on
/// an error.
UNSTRIDE_BENCH_API double unstride_gpu_launch_us(void* layer, const void* x, void* y, std::int64_t batch,
                                                 std::int64_t length);
