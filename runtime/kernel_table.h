// The kernels that an engine has made, so that compiling a layer again costs a look-up.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "runtime/backend.h"

namespace unstride {

class KernelTable {
 public:
  std::shared_ptr<const Kernel::Impl> find(const LayerSpec& spec, const CompileOptions& options) const;
  void insert(const LayerSpec& spec, const CompileOptions& options, std::shared_ptr<const Kernel::Impl> kernel);
  /// Forgets all: they would be compiled by other plans now.
  void clear();

 private:
  // Beyond this, kernels that nobody else holds are let go: they are still on disk.
  static constexpr std::size_t enough = 1024;

  struct Request {
    LayerSpec spec;
    std::string target, plan;
    int device = 0;
    friend bool operator==(const Request&, const Request&) = default;
  };
  struct Hash {
    std::size_t operator()(const Request& request) const noexcept;
  };

  mutable std::mutex mutex_;
  std::unordered_map<Request, std::shared_ptr<const Kernel::Impl>, Hash> kernels_;
};

}  // namespace unstride
