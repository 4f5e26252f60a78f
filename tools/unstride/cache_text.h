// What the cache holds, in words for people.
#pragma once

#include <cstdint>
#include <string>

#include "unstride/cache.hpp"

namespace unstride::command {

/// "617 bytes", "6.1 KiB", "2.0 GiB".
std::string size_text(std::int64_t bytes);

/// Seconds since the epoch as local time, "2025-03-01 12:30"; "-" for 0.
std::string time_text(std::int64_t seconds);

/// "1 kernel", "2 kernels".
std::string count_text(std::int64_t count, const std::string& noun);

/// A field of the key; empty when there is none of that label.
std::string field(const CacheEntry& entry, const std::string& label);

/// What a key's fields say: "512 -> 256, kernel 16, ...", "x86-64-v4", "row_lanes". A field that cannot be read is
/// shown as it is; an entry that is no kernel shows its kind as its plan.
struct EntryText {
  std::string layer, target, plan;
};
EntryText entry_text(const CacheEntry& entry);

}  // namespace unstride::command
