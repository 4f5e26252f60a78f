// templates/cuda/device.h as host C++: the same names, each handing over to the emulator. A kernel that is compiled
// after this header runs under emulator::launch. No header of the standard library, so that kernels compile fast.
#pragma once

#define UNSTRIDE_EMULATED 1

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)

#include "templates/cuda/device.h"

#pragma GCC visibility push(default)  // kernels are compiled into libraries of their own

namespace unstride::emulator {

struct Index3 {
  unsigned x, y, z;
};

// The calls below are for kernels only, from within launch.
unsigned char* shared();
void sync_block(const char* file, int line);
void sync_some(int id, int threads, const char* file, int line);
void collective(const char* name, void* operands, void (*perform)(void* const*), const char* file, int line);
void publish(void* to, const void* values, int bytes, const char* file, int line);
unsigned count_arrival(unsigned* counter, const char* file, int line);
void copy_async(void* shared, const void* global, int bytes, bool valid, const char* file, int line);
void commit_copies();
void wait_copies(int pending);
void init_barrier(void* barrier, int arrivals, const char* file, int line);
void arrive(void* barrier, int expected_bytes, const char* file, int line);
void wait(void* barrier, int parity, const char* file, int line);
void copy_bulk(void* shared, const void* global, int bytes, void* barrier, const char* file, int line);
void set_registers(int registers, const char* name, const char* file, int line);
[[noreturn]] void fail(const char* what, const char* file, int line);

// Of tensor cores: one warp's product. An operand of a collective.
struct Product {
  float* d;
  const unsigned *a, *b;
};
void multiply_tf32(void* const* products);
void multiply_float16(void* const* products);
void multiply_bfloat16(void* const* products);

/// Of a warpgroup: one warp's share of a product. It is performed when it is waited for.
struct GroupProduct {
  float (*d)[4];
  const unsigned* a;
  unsigned long long b;
  int columns;
  void (*multiply)(const GroupProduct* lanes, const unsigned char* shared);
};
void multiply_group_tf32(const GroupProduct* lanes, const unsigned char* shared);
void multiply_group_float16(const GroupProduct* lanes, const unsigned char* shared);
void multiply_group_bfloat16(const GroupProduct* lanes, const unsigned char* shared);
void issue_product(GroupProduct product, const char* name, const char* file, int line);
void commit_products(const char* file, int line);
void wait_products(int pending, const char* file, int line);

float float_of_float16(unsigned short bits);
unsigned short float16_of(float value);
unsigned short bfloat16_of(float value);

/// What a lane gives to a shuffle, and gets.
struct Shuffled {
  unsigned long long value;
  int from;
};
void shuffle(void* const* lanes);

}  // namespace unstride::emulator

extern unstride::emulator::Index3 threadIdx, blockIdx, gridDim, blockDim;

#pragma GCC visibility pop

// Every wrapper that can fail knows where it was called.
#define UNSTRIDE_PLACE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(UNSTRIDE_PLACE) {
  unstride::emulator::sync_block(file, line);
}

namespace unstride::gpu {

inline unsigned char* dynamic_shared() {
  return emulator::shared();
}

template <int id, int threads>
inline void sync_some(UNSTRIDE_PLACE) {
  static_assert(id > 0 && id < 16 && threads % 32 == 0);
  emulator::sync_some(id, threads, file, line);
}
inline void sync_warp(UNSTRIDE_PLACE) {
  emulator::collective(
      "sync_warp", nullptr, [](void* const*) {}, file, line);
}
template <typename T>
inline T shuffle(T value, int lane, UNSTRIDE_PLACE) {
  static_assert(sizeof(T) <= sizeof(unsigned long long));
  emulator::Shuffled shuffled = {0, lane & 31};
  __builtin_memcpy(&shuffled.value, &value, sizeof value);
  emulator::collective("shuffle", &shuffled, emulator::shuffle, file, line);
  __builtin_memcpy(&value, &shuffled.value, sizeof value);
  return value;
}
template <typename T>
inline T shuffle_xor(T value, int mask, UNSTRIDE_PLACE) {
  return shuffle(value, static_cast<int>(threadIdx.x % 32) ^ mask, file, line);
}

inline float multiply_add(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}
inline double multiply_add(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}
inline unsigned bits_of(float value) {
  return __builtin_bit_cast(unsigned, value);
}
inline float float_of(unsigned bits) {
  return __builtin_bit_cast(float, bits);
}
inline float float_of_float16(unsigned short bits) {
  return emulator::float_of_float16(bits);
}
inline unsigned short float16_of(float value) {
  return emulator::float16_of(value);
}
inline float float_of_bfloat16(unsigned short bits) {
  return float_of(static_cast<unsigned>(bits) << 16);
}
inline unsigned short bfloat16_of(float value) {
  return emulator::bfloat16_of(value);
}

template <int N, typename T>
inline Vector<T, N> load(const T* from, UNSTRIDE_PLACE) {
  if (reinterpret_cast<__UINTPTR_TYPE__>(from) % sizeof(Vector<T, N>) != 0)
    emulator::fail("load is not aligned", file, line);
  Vector<T, N> values;
  __builtin_memcpy(&values, from, sizeof values);
  return values;
}
template <int N, typename T>
inline void store(T* to, const Vector<T, N>& values, UNSTRIDE_PLACE) {
  if (reinterpret_cast<__UINTPTR_TYPE__>(to) % sizeof(Vector<T, N>) != 0)
    emulator::fail("store is not aligned", file, line);
  __builtin_memcpy(to, &values, sizeof values);
}

template <int N, typename T>
inline void publish(T* to, const Vector<T, N>& values, UNSTRIDE_PLACE) {
  if (reinterpret_cast<__UINTPTR_TYPE__>(to) % sizeof values != 0) emulator::fail("publish is not aligned", file, line);
  emulator::publish(to, &values, sizeof values, file, line);
}
inline unsigned count_arrival(unsigned* counter, UNSTRIDE_PLACE) {
  return emulator::count_arrival(counter, file, line);
}

template <int bytes>
inline void copy_async(void* shared, const void* global, bool valid = true, UNSTRIDE_PLACE) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
  emulator::copy_async(shared, global, bytes, valid, file, line);
}
inline void commit_copies() {
  emulator::commit_copies();
}
template <int pending>
inline void wait_copies() {
  emulator::wait_copies(pending);
}

inline unsigned tf32_of(float value) {
  return (bits_of(value) + 0x1000u) & ~0x1fffu;
}
inline void mma_tf32(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], UNSTRIDE_PLACE) {
  emulator::Product product = {d, a, b};
  emulator::collective("mma_tf32", &product, emulator::multiply_tf32, file, line);
}
inline void mma_bfloat16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], UNSTRIDE_PLACE) {
  emulator::Product product = {d, a, b};
  emulator::collective("mma_bfloat16", &product, emulator::multiply_bfloat16, file, line);
}
inline void mma_float16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], UNSTRIDE_PLACE) {
  emulator::Product product = {d, a, b};
  emulator::collective("mma_float16", &product, emulator::multiply_float16, file, line);
}

inline void init_barrier(Barrier* barrier, int arrivals, UNSTRIDE_PLACE) {
  emulator::init_barrier(barrier, arrivals, file, line);
}
inline void fence_barriers() {}
inline void arrive(Barrier* barrier, UNSTRIDE_PLACE) {
  emulator::arrive(barrier, 0, file, line);
}
inline void arrive_expecting(Barrier* barrier, int bytes, UNSTRIDE_PLACE) {
  emulator::arrive(barrier, bytes, file, line);
}
inline void wait(Barrier* barrier, int parity, UNSTRIDE_PLACE) {
  emulator::wait(barrier, parity, file, line);
}
inline void copy_bulk(void* shared, const void* global, int bytes, Barrier* barrier, UNSTRIDE_PLACE) {
  emulator::copy_bulk(shared, global, bytes, barrier, file, line);
}
inline void fence_async() {}
inline void fence_products() {}
inline void commit_products(UNSTRIDE_PLACE) {
  emulator::commit_products(file, line);
}
template <int pending>
inline void wait_products(UNSTRIDE_PLACE) {
  emulator::wait_products(pending, file, line);
}
inline unsigned long long matrix_descriptor(const void* shared, int depth_bytes, int column_bytes, UNSTRIDE_PLACE) {
  const auto offset = static_cast<const unsigned char*>(shared) - dynamic_shared();
  const auto fits = [](long long bytes) { return bytes >= 0 && bytes < (1 << 18) && bytes % 16 == 0; };
  if (!fits(offset) || !fits(depth_bytes) || !fits(column_bytes))
    emulator::fail("a matrix descriptor holds multiples of 16 below 2^18", file, line);
  return matrix_descriptor_bits(static_cast<unsigned>(offset), depth_bytes, column_bytes);
}
template <int columns>
inline void wgmma_tf32(float (*d)[4], const unsigned (&a)[4], unsigned long long b, UNSTRIDE_PLACE) {
  emulator::issue_product({d, a, b, columns, emulator::multiply_group_tf32}, "wgmma_tf32", file, line);
}
template <int columns>
inline void wgmma_float16(float (*d)[4], const unsigned (&a)[4], unsigned long long b, UNSTRIDE_PLACE) {
  emulator::issue_product({d, a, b, columns, emulator::multiply_group_float16}, "wgmma_float16", file, line);
}
template <int columns>
inline void wgmma_bfloat16(float (*d)[4], const unsigned (&a)[4], unsigned long long b, UNSTRIDE_PLACE) {
  emulator::issue_product({d, a, b, columns, emulator::multiply_group_bfloat16}, "wgmma_bfloat16", file, line);
}
template <int registers>
inline void raise_registers(UNSTRIDE_PLACE) {
  emulator::set_registers(registers, "raise_registers", file, line);
}
template <int registers>
inline void lower_registers(UNSTRIDE_PLACE) {
  emulator::set_registers(registers, "lower_registers", file, line);
}

}  // namespace unstride::gpu

#undef UNSTRIDE_PLACE
