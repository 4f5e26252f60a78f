// The mbarriers of a block, and the bulk copies that arrive at them.
//
// The 8 bytes in shared memory hold a mark only; the state is kept here, so that a barrier that was never initialised,
// or was overwritten, is a failure. A bulk copy poisons its destination when it is issued and lands as late as it can:
// when no thread of the block can go on without it.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/emulator/schedule.h"

namespace unstride::emulator {

class Mbarriers {
 public:
  void clear();
  /// Throws Failure, as all of these do.
  void init(void* barrier, int arrivals);
  void arrive(void* barrier, int expected_bytes);
  bool completed(void* barrier, int parity);
  void copy(void* shared, const void* global, int bytes, void* barrier);
  /// Lands one copy; false when none is under way.
  bool land_one(Schedule& schedule);
  bool copies_under_way() const { return !copies_.empty(); }

 private:
  struct Mbarrier {
    void* at;
    int arrivals, pending, bytes, parity;
  };
  struct Copy {
    void* to;
    const void* from;
    int bytes;
    void* barrier;
  };
  Mbarrier& find(void* barrier);
  static void complete(Mbarrier& barrier);

  std::vector<Mbarrier> barriers_;
  std::vector<Copy> copies_;
};

}  // namespace unstride::emulator
