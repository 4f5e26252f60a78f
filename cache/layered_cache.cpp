#include "cache/layered_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>

namespace unstride::cache {

namespace {

bool reads(CacheMode mode) {
  return mode == CacheMode::read_write || mode == CacheMode::read_only || mode == CacheMode::require;
}

bool writes(CacheMode mode) {
  return mode == CacheMode::read_write || mode == CacheMode::refresh;
}

}  // namespace

LayeredCache::LayeredCache(LayeredOptions options)
    : options_(std::move(options)),
      flights_(SingleFlightOptions{.xdg_runtime_dir = options_.xdg_runtime_dir,
                                   .root = options_.mode == CacheMode::read_write ? options_.root : std::string(),
                                   .lock_limit = options_.lock_limit,
                                   .report = options_.report}),
      report_once_(options_.report) {
  if (options_.mode == CacheMode::off) return;
  // An image that brings a bundle alone has no folder, and no reason to be told so.
  std::error_code ignored;
  const bool absent = !writes(options_.mode) && !std::filesystem::exists(options_.root, ignored);
  if (!options_.root.empty() && !absent)
    store_ = Store::open({.root = options_.root,
                          .writable = writes(options_.mode),
                          .trust_foreign_root = options_.trust_foreign,
                          .limits = options_.limits,
                          .report = options_.report});
  for (const std::string& path : options_.bundles)
    if (auto bundle = Bundle::open({.path = path,
                                    .trusted_keys = options_.trusted_keys,
                                    .trust_foreign_file = options_.trust_foreign,
                                    .report = options_.report}))
      bundles_.push_back(std::move(bundle));
}

LayeredCache::Result LayeredCache::find(const Key& key) {
  if (!reads(options_.mode)) return {};
  const bool rejected = is_rejected(key);
  if (store_ && (!rejected || writes(options_.mode)))
    if (auto entry = store_->find(key)) return {std::make_shared<const Entry>(std::move(*entry)), true, store_->root()};
  if (rejected) return {};
  for (const auto& bundle : bundles_)
    if (auto entry = bundle->find(key)) return {std::make_shared<const Entry>(std::move(*entry)), true, bundle->path()};
  return {};
}

std::optional<Entry> LayeredCache::find_in_bundles(const Key& key) const {
  for (const auto& bundle : bundles_)
    if (auto entry = bundle->find(key)) return entry;
  return {};
}

LayeredCache::Result LayeredCache::get(const Key& key, const std::function<Entry()>& build) {
  if (Result found = find(key); found.entry) return found;
  if (options_.mode == CacheMode::require)
    throw CacheMissError(fmt::format("cache: mode require: {}", describe_miss(key, nearest(key))));

  // Another thread or process may be building it: then its result is a hit here.
  Result result;
  const auto build_and_publish = [&] {
    auto entry = std::make_shared<const Entry>(build_and_verify(key, build));
    if (store_ && writes(options_.mode)) store_->publish(key, *entry);
    return entry;
  };
  const auto find_again = [&] {
    result = find(key);
    return result.entry;
  };
  result.entry = flights_.run(key, find_again, build_and_publish);
  return result;
}

Entry LayeredCache::build_and_verify(const Key& key, const std::function<Entry()>& build) {
  Entry built = build();
  if (options_.mode != CacheMode::verify) return built;
  std::optional<Entry> kept = store_ ? store_->find(key) : std::nullopt;
  if (!kept) kept = find_in_bundles(key);
  if (kept && kept->payload != built.payload)
    throw CompileError(
        fmt::format("cache: mode verify: the entry {} differs from what compiling gives now ({} against {} bytes)",
                    key.hex(), kept->payload.size(), built.payload.size()));
  return built;
}

void LayeredCache::reject(const Key& key, const std::string& reason) {
  if (options_.report)
    options_.report(fmt::format("cache: entry {} was rejected and is not used: {}", key.hex(), reason));
  if (store_ && writes(options_.mode)) store_->remove(key);
  const std::lock_guard lock(mutex_);
  rejected_.insert(key.hex());
}

bool LayeredCache::is_rejected(const Key& key) const {
  const std::lock_guard lock(mutex_);
  return !rejected_.empty() && rejected_.contains(key.hex());
}

std::optional<Nearest> LayeredCache::nearest(const Key& key) const {
  std::optional<Nearest> best;
  const auto consider = [&](const std::vector<Field>& fields, const std::string& where) {
    if (fields.empty() || key.fields().empty() || fields.front() != key.fields().front()) return;
    std::vector<Difference> all = differences(key.fields(), fields);
    if (!best || all.size() < best->differences.size()) best = Nearest{Key(fields).hex(), where, std::move(all)};
  };
  if (store_)
    for (const EntryInfo& info : store_->list()) consider(info.header.key_fields, store_->root());
  for (const auto& bundle : bundles_)
    for (const Header& header : bundle->list()) consider(header.key_fields, bundle->path());
  return best;
}

std::string describe_miss(const Key& key, const std::optional<Nearest>& nearest) {
  if (!nearest) return fmt::format("no entry {}, and none like it", key.hex());
  std::vector<std::string> texts;
  for (const Difference& difference : nearest->differences) texts.push_back(to_string(difference));
  return fmt::format("no entry {}; the nearest, in {}, differs in {}", key.hex(), nearest->where,
                     fmt::join(texts, "; "));
}

}  // namespace unstride::cache
