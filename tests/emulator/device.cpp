// What the wrappers of device.h call: each hands over to the running block.
#include "tests/emulator/device.h"

#include <bit>

#include "tests/emulator/block.h"
#include "unstride/element.hpp"

unstride::emulator::Index3 threadIdx, blockIdx, gridDim, blockDim;

namespace unstride::emulator {

unsigned char* shared() {
  return running_block().shared();
}
void sync_block(const char* file, int line) {
  running_block().sync_block({file, line});
}
void sync_some(int id, int threads, const char* file, int line) {
  running_block().sync_some(id, threads, {file, line});
}
void collective(const char* name, void* operands, void (*perform)(void* const*), const char* file, int line) {
  running_block().collective(name, operands, perform, {file, line});
}
void publish(void* to, const void* values, int bytes, const char* file, int line) {
  running_block().publish(to, values, bytes, {file, line});
}
unsigned count_arrival(unsigned* counter, const char* file, int line) {
  running_block().require_published({file, line});
  return (*counter)++;
}
void copy_async(void* shared, const void* global, int bytes, bool valid, const char* file, int line) {
  running_block().copy_async(shared, global, bytes, valid, {file, line});
}
void commit_copies() {
  running_block().commit_copies();
}
void wait_copies(int pending) {
  running_block().wait_copies(pending);
}
void init_barrier(void* barrier, int arrivals, const char* file, int line) {
  running_block().with_mbarriers({file, line}, [&](Mbarriers& all) { all.init(barrier, arrivals); });
}
void arrive(void* barrier, int expected_bytes, const char* file, int line) {
  running_block().with_mbarriers({file, line}, [&](Mbarriers& all) { all.arrive(barrier, expected_bytes); });
}
void wait(void* barrier, int parity, const char* file, int line) {
  running_block().wait_mbarrier(barrier, parity, {file, line});
}
void copy_bulk(void* shared, const void* global, int bytes, void* barrier, const char* file, int line) {
  running_block().with_mbarriers({file, line}, [&](Mbarriers& all) { all.copy(shared, global, bytes, barrier); });
}
void issue_product(GroupProduct product, const char* name, const char* file, int line) {
  running_block().issue_product(product, name, {file, line});
}
void commit_products(const char* file, int line) {
  running_block().commit_products({file, line});
}
void wait_products(int pending, const char* file, int line) {
  running_block().wait_products(pending, {file, line});
}
void set_registers(int registers, const char* name, const char* file, int line) {
  running_block().set_registers(registers, name, {file, line});
}
void fail(const char* what, const char* file, int line) {
  running_block().fail(what, {file, line});
}

float float_of_float16(unsigned short bits) {
  Float16 value;
  value.bits = bits;
  return static_cast<float>(value);
}
unsigned short float16_of(float value) {
  return Float16(value).bits;
}
unsigned short bfloat16_of(float value) {
  return BFloat16(value).bits;
}

void shuffle(void* const* lanes) {
  unsigned long long values[warp_size];
  for (unsigned lane = 0; lane < warp_size; ++lane) values[lane] = static_cast<Shuffled*>(lanes[lane])->value;
  for (unsigned lane = 0; lane < warp_size; ++lane) {
    auto& shuffled = *static_cast<Shuffled*>(lanes[lane]);
    shuffled.value = values[shuffled.from];
  }
}

}  // namespace unstride::emulator
