// One wrapper for each instruction or built-in that kernels use, and the only place where a GPU and the emulator
// differ: under UNSTRIDE_EMULATED, tests/emulator/device.h defines the same names as host C++.
//
// Kernels use dynamic shared memory only, and of CUDA's own names threadIdx, blockIdx, gridDim, __syncthreads and the
// function attributes. Alignments are in bytes. What an architecture does not have is not declared for it, except that
// asynchronous copies become plain ones before sm_80.
#pragma once

namespace unstride::gpu {

/// N elements that are loaded or stored by one instruction: 16 bytes at most, aligned to their size.
template <typename T, int N>
struct alignas(N * sizeof(T)) Vector {
  static_assert(N * sizeof(T) <= 16);
  T at[N];
};

/// An mbarrier: 8 bytes of shared memory. A phase completes when all arrivals and all expected bytes are in; the first
/// phase has parity 0.
using Barrier = unsigned long long;

/// A matrix in shared memory as wgmma takes it, without swizzling: core matrices of 8 columns by 16 bytes of depth, 128
/// bytes each. depth_bytes, column_bytes: from one to the next of them, multiples of 16 and below 256 KB.
__device__ __forceinline__ unsigned long long matrix_descriptor_bits(unsigned address, int depth_bytes,
                                                                     int column_bytes) {
  const auto field = [](unsigned bytes) { return static_cast<unsigned long long>((bytes & 0x3ffffu) >> 4); };
  return field(address) | field(depth_bytes) << 16 | field(column_bytes) << 32;
}

}  // namespace unstride::gpu

#ifndef UNSTRIDE_EMULATED

namespace unstride::gpu {

/// The dynamic shared memory of the block, aligned to 128. Uninitialised.
__device__ __forceinline__ unsigned char* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
  return dynamic_shared_memory;
}

// ---- Barriers and shuffles

/// Waits for `threads` (a multiple of 32) of the block. Barrier 0 is the one of __syncthreads.
template <int id, int threads>
__device__ __forceinline__ void sync_some() {
  static_assert(id > 0 && id < 16 && threads % 32 == 0);
  asm volatile("bar.sync %0, %1;" ::"n"(id), "n"(threads) : "memory");
}
__device__ __forceinline__ void sync_warp() {
  __syncwarp();
}
/// The value of the lane whose number differs in the bits of `mask`. All 32 lanes take part.
template <typename T>
__device__ __forceinline__ T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
/// The value of another lane. All 32 lanes take part.
template <typename T>
__device__ __forceinline__ T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}

// ---- Arithmetic and conversions

/// a * b + c, rounded once.
__device__ __forceinline__ float multiply_add(float a, float b, float c) {
  return __fmaf_rn(a, b, c);
}
__device__ __forceinline__ double multiply_add(double a, double b, double c) {
  return __fma_rn(a, b, c);
}

__device__ __forceinline__ unsigned bits_of(float value) {
  return __float_as_uint(value);
}
__device__ __forceinline__ float float_of(unsigned bits) {
  return __uint_as_float(bits);
}

// The 16-bit types are their bits. Rounding is to the nearest, ties to even; NaN stays NaN.
__device__ __forceinline__ float float_of_float16(unsigned short bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}
__device__ __forceinline__ unsigned short float16_of(float value) {
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
__device__ __forceinline__ float float_of_bfloat16(unsigned short bits) {
  return __uint_as_float(static_cast<unsigned>(bits) << 16);
}
__device__ __forceinline__ unsigned short bfloat16_of(float value) {
#if __CUDA_ARCH__ >= 800
  unsigned short bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#else
  const unsigned bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#endif
}

// ---- Vectors in memory

template <int N, typename T>
__device__ __forceinline__ Vector<T, N> load(const T* from) {
  return *reinterpret_cast<const Vector<T, N>*>(from);
}
template <int N, typename T>
__device__ __forceinline__ void store(T* to, const Vector<T, N>& values) {
  *reinterpret_cast<Vector<T, N>*>(to) = values;
}

// ---- From block to block, through global memory

/// Stores what another block will read: the one that count_arrival tells to.
template <int N, typename T>
__device__ __forceinline__ void publish(T* to, const Vector<T, N>& values) {
  store<N>(to, values);
}
/// By one thread, after a barrier of those that published: adds one, and returns what was there. Blocks that counted
/// before have published; after another barrier all threads of this one may read it.
__device__ __forceinline__ unsigned count_arrival(unsigned* counter) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
  return before;
}

// ---- Asynchronous copies, global to shared memory

__device__ __forceinline__ unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

/// Copies 4, 8 or 16 aligned bytes, or writes zeros where not `valid`; `global` is then not read. The bytes are there
/// for the thread after a wait_copies that covers the copy's group, and for others after a barrier that follows it.
template <int bytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, bool valid = true) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#if __CUDA_ARCH__ >= 800
  if constexpr (bytes == 16)  // past the first-level cache, which takes no smaller copies
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(valid ? 16 : 0)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global), "n"(bytes),
                 "r"(valid ? bytes : 0)
                 : "memory");
#else
  Vector<unsigned, bytes / 4> words = {};
  if (valid) words = load<bytes / 4>(static_cast<const unsigned*>(global));
  store<bytes / 4>(static_cast<unsigned*>(shared), words);
#endif
}
/// Makes a group of this thread's copies since the last commit.
__device__ __forceinline__ void commit_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits until at most `pending` of this thread's groups, the last ones, are under way.
template <int pending>
__device__ __forceinline__ void wait_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

// ---- Tensor cores: one warp, fragments as the PTX manual draws them
//
// With g = lane / 4 and c = lane % 4: d[i] is row g + i/2*8, column 2c + i%2. The words of a are rows g, g + 8, g, g +
// 8; the first two hold the lower half of the depth. b is column g.

/// To the nearest number of TF32 (10 fraction bits), ties away from zero: an operand of mma_tf32.
__device__ __forceinline__ unsigned tf32_of(float value) {
  unsigned bits;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
#else
  bits = (__float_as_uint(value) + 0x1000u) & ~0x1fffu;
#endif
  return bits;
}

/// d += a (16 x 8) * b (8 x 8); sm_80 and later. Depth c in the first half, c + 4 in the second.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();  // kernels for earlier ones name it, and do not call it
#endif
}
/// d += a (16 x 16) * b (16 x 8); sm_80 and later. A word holds depths 2c, 2c + 1 (lower half first), and 8 more in the
/// second half.
__device__ __forceinline__ void mma_bfloat16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();  // kernels for earlier ones name it, and do not call it
#endif
}
/// As mma_bfloat16; sm_75 has it in two halves.
__device__ __forceinline__ void mma_float16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
#pragma unroll
  for (int half = 0; half < 2; ++half)
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}

// ---- Hopper

#if __CUDA_ARCH__ >= 900
/// One thread initialises; others may use the barrier after fence_barriers by that thread and a __syncthreads.
__device__ __forceinline__ void init_barrier(Barrier* barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void fence_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void arrive(Barrier* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
/// Arrives, and lets the phase wait for this many bytes of copy_bulk.
__device__ __forceinline__ void arrive_expecting(Barrier* barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes)
               : "memory");
}
/// Waits until the phase of this parity has completed.
__device__ __forceinline__ void wait(Barrier* barrier, int parity) {
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra.uni again;\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
}
/// One thread copies global to shared memory: addresses and bytes are multiples of 16. Arrives at the barrier as bytes.
__device__ __forceinline__ void copy_bulk(void* shared, const void* global, int bytes, Barrier* barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(shared)),
               "l"(global), "r"(bytes), "r"(shared_address(barrier))
               : "memory");
}
/// Orders this thread's accesses to shared memory before those that wgmma and copy_bulk make after the next barrier.
__device__ __forceinline__ void fence_async() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
#endif

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
/// All warps of a warpgroup: raises or lowers what each of its threads has in registers (a multiple of 8).
template <int registers>
__device__ __forceinline__ void raise_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers>
__device__ __forceinline__ void lower_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}

// Products of a warpgroup (four warps that start at a multiple of four, all of them in the call): a is 64 rows, from
// registers, 16 of each warp as mma has them; b is a matrix_descriptor of `columns` columns. d[j] are columns 8j to 8j
// + 7 as mma has them. Until wait_products neither d nor a may be touched, and b's memory stays as it is.

/// Before the first product, and after registers of d or a were written.
__device__ __forceinline__ void fence_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
/// Makes a group of the products since the last commit.
__device__ __forceinline__ void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most `pending` groups, the last ones, are under way.
template <int pending>
__device__ __forceinline__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

/// As matrix_descriptor_bits, for an address.
__device__ __forceinline__ unsigned long long matrix_descriptor(const void* shared, int depth_bytes, int column_bytes) {
  return matrix_descriptor_bits(shared_address(shared), depth_bytes, column_bytes);
}

#define UNSTRIDE_D_32                                                                                    \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define UNSTRIDE_D_64                                                                                    \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, " \
  "%52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define UNSTRIDE_SUMS(j) "+f"(d[j][0]), "+f"(d[j][1]), "+f"(d[j][2]), "+f"(d[j][3])
#define UNSTRIDE_SUMS_32(j)                                                                                 \
  UNSTRIDE_SUMS(j), UNSTRIDE_SUMS(j + 1), UNSTRIDE_SUMS(j + 2), UNSTRIDE_SUMS(j + 3), UNSTRIDE_SUMS(j + 4), \
      UNSTRIDE_SUMS(j + 5), UNSTRIDE_SUMS(j + 6), UNSTRIDE_SUMS(j + 7)
#define UNSTRIDE_WGMMA(name, depth_and_types, transposed)                                                       \
  template <int columns>                                                                                        \
  __device__ __forceinline__ void name(float(*d)[4], const unsigned(&a)[4], unsigned long long b) {             \
    static_assert(columns == 64 || columns == 128);                                                             \
    if constexpr (columns == 64)                                                                                \
      asm volatile("wgmma.mma_async.sync.aligned.m64n64" depth_and_types " {" UNSTRIDE_D_32                     \
                   "}, {%32, %33, %34, %35}, %36, 1, 1, 1" transposed ";"                                       \
                   : UNSTRIDE_SUMS_32(0)                                                                        \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                                       \
    else                                                                                                        \
      asm volatile("wgmma.mma_async.sync.aligned.m64n128" depth_and_types " {" UNSTRIDE_D_32 ", " UNSTRIDE_D_64 \
                   "}, {%64, %65, %66, %67}, %68, 1, 1, 1" transposed ";"                                       \
                   : UNSTRIDE_SUMS_32(0), UNSTRIDE_SUMS_32(8)                                                   \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));                                       \
  }
/// d += a (64 x 8) * b (8 x columns), or of the 16-bit types a (64 x 16) * b (16 x columns).
UNSTRIDE_WGMMA(wgmma_tf32, "k8.f32.tf32.tf32", "")
UNSTRIDE_WGMMA(wgmma_float16, "k16.f32.f16.f16", ", 0")
UNSTRIDE_WGMMA(wgmma_bfloat16, "k16.f32.bf16.bf16", ", 0")
#undef UNSTRIDE_WGMMA
#undef UNSTRIDE_SUMS_32
#undef UNSTRIDE_SUMS
#undef UNSTRIDE_D_64
#undef UNSTRIDE_D_32
#endif

}  // namespace unstride::gpu

#endif  // UNSTRIDE_EMULATED
