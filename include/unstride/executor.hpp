// How a host program lends its own threads to a kernel.
#pragma once

#include "unstride/export.hpp"

namespace unstride {

/// Runs tasks in parallel. Derive from it to run kernels on a thread pool of your own; pass it in
/// RunOptions::executor. Results do not depend on it: they are bit-identical for any executor.
class UNSTRIDE_API Executor {
 public:
  virtual ~Executor() = default;

  /// Calls task(context, i) once for every i in [0, count), on any threads, and returns when all of them
  /// have returned. task does not throw. Tasks may run one after the other; none waits for another.
  virtual void parallel(int count, void (*task)(void* context, int index), void* context) = 0;
};

}  // namespace unstride
