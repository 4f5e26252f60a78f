// The layers of the cache - a store that is written to, then read-only bundles - and the modes in which they are used.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cache/bundle.h"
#include "cache/difference.h"
#include "cache/single_flight.h"
#include "cache/store.h"
#include "unstride/cache.hpp"

namespace unstride::cache {

struct LayeredOptions {
  CacheMode mode = CacheMode::read_write;
  std::string root = {};  ///< of the store; empty: none
  std::vector<std::string> bundles = {};
  std::vector<std::string> trusted_keys = {};
  std::string xdg_runtime_dir = {};  ///< where locks go, if it is private
  bool trust_foreign = false;
  Limits limits = {};
  std::chrono::milliseconds lock_limit{60'000};
  Report report = {};
};

/// The nearest entry to a key that was not found.
struct Nearest {
  std::string hex, where;
  std::vector<Difference> differences;
};

class LayeredCache {
 public:
  explicit LayeredCache(LayeredOptions options);

  struct Result {
    std::shared_ptr<const Entry> entry;
    bool hit = false;
    std::string where;  ///< of a hit
  };

  /// The entry for this key, from a layer or from `build`, as the mode says. Concurrent calls for one key build it
  /// once. Throws CacheMissError in mode require, CompileError in mode verify when the bytes differ, and what build
  /// throws.
  Result get(const Key& key, const std::function<Entry()>& build);

  /// Looks into the layers, whatever the mode says about compiling. Nothing in the modes that do not read.
  Result find(const Key& key);
  /// The same in the read-only bundles alone.
  std::optional<Entry> find_in_bundles(const Key& key) const;

  /// Takes out what a loader rejected, and says so. Layers that cannot be written keep it: they are not asked for this
  /// key again.
  void reject(const Key& key, const std::string& reason);

  /// The entry that differs in the fewest fields, of those with the same first field, which says what an entry is.
  /// Reads every header: for people who wait for an answer, not for look-ups.
  std::optional<Nearest> nearest(const Key& key) const;

  /// Tells the user, once for each topic.
  void say_once(const std::string& topic, const std::string& line) { report_once_(topic, "cache: " + line); }

  CacheMode mode() const noexcept { return options_.mode; }
  bool trusts_foreign() const noexcept { return options_.trust_foreign; }
  Store* store() const noexcept { return store_.get(); }
  const std::vector<std::unique_ptr<Bundle>>& bundles() const noexcept { return bundles_; }

 private:
  Entry build_and_verify(const Key& key, const std::function<Entry()>& build);

  LayeredOptions options_;
  std::unique_ptr<Store> store_;
  std::vector<std::unique_ptr<Bundle>> bundles_;
  bool is_rejected(const Key& key) const;

  SingleFlight flights_;
  mutable std::mutex mutex_;  ///< for what follows
  std::set<std::string> rejected_;
  ReportOnce report_once_;
};

/// "no entry <key>; the nearest, in /..., differs in spec.stride: wanted 4, found 2; plan: wanted ..., found ...".
std::string describe_miss(const Key& key, const std::optional<Nearest>& nearest);

}  // namespace unstride::cache
