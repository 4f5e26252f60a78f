// Work captured once and launched as a whole: many short kernels follow each other with nothing of the host between.
#pragma once

#include <functional>
#include <memory>

#include "runtime/cuda/stream.h"

namespace unstride::cuda {

class Graph {
 public:
  /// Captures what `work` puts on the stream, which runs none of it. Throws TargetError for a driver before CUDA 11.4.
  Graph(const Stream& stream, const std::function<void()>& work);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Puts all of it on the stream.
  void launch(const Stream& stream) const;

 private:
  std::shared_ptr<const Device> device_;
  void* executable_ = nullptr;
};

}  // namespace unstride::cuda
