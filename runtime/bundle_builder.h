// What a BundleBuilder holds: a writer, filled from many threads.
#pragma once

#include <mutex>
#include <string>

#include "cache/bundle.h"
#include "unstride/cache.hpp"

namespace unstride {

class BundleBuilder::Impl {
 public:
  void add(const cache::Key& key, const cache::Entry& entry) {
    const std::lock_guard lock(mutex_);
    writer_.add(key, entry);
  }
  std::int64_t entries() const {
    const std::lock_guard lock(mutex_);
    return writer_.entries();
  }
  void write(const std::string& path, const std::string& secret_key) const {
    const std::lock_guard lock(mutex_);
    writer_.write(path, secret_key);
  }

 private:
  mutable std::mutex mutex_;
  cache::BundleWriter writer_;
};

}  // namespace unstride
