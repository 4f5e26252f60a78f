// This machine's ceiling: fused multiply-adds in registers, as many as two units take.
#pragma once

namespace unstride::bench {

/// fp32 GFLOP/s of `threads` threads together over about 2 ms, with the widest vectors the processor has (a
/// multiply-add counts two). It varies from one moment to the next on a shared machine: measure it beside what is
/// compared with it.
double fma_peak_gflops(int threads = 1);

}  // namespace unstride::bench
